"""Intents that were resolved, and are pending again, for the server fell back."""

from qontract.adapters.memory import InMemoryEventPublisher, InMemoryIntents
from qontract.application.event_manager import EventManager
from qontract.domain.events import DomainEvent


def test_what_is_remembered_of_an_intent_that_came_back_is_published_before_it_is_looked_into() -> None:
    publisher = InMemoryEventPublisher()
    intents = InMemoryIntents(publisher)
    remembered = DomainEvent(type="a.b", data={"number": 1})
    manager = EventManager(publisher, intents=intents, before_resolving=lambda: publisher.publish([remembered]))
    for event in (remembered, DomainEvent(type="a.b", data={"number": 2})):
        assert manager.intend("a", event)
    assert [event.data for event in manager.pending()["a"]] == [{"number": 2}]
