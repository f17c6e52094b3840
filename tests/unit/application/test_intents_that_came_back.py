"""Intents that were resolved, and are pending again, for the server fell back."""

from pytest_mock import MockerFixture

from qontract.adapters.memory import InMemoryEventPublisher, InMemoryEventSpool, InMemoryIntents
from qontract.application.event_manager import EventManager
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.application.ports.event_spool import EventSpoolError
from qontract.application.ports.intents import INTENT_ID
from qontract.domain.events import DomainEvent


def test_what_is_remembered_of_an_intent_that_came_back_is_published_before_it_is_looked_into() -> None:
    publisher = InMemoryEventPublisher()
    intents = InMemoryIntents(publisher)
    remembered = DomainEvent(type="a.b", data={"number": 1})
    manager = EventManager(publisher, intents=intents, before_resolving=lambda: publisher.publish([remembered]))
    for event in (remembered, DomainEvent(type="a.b", data={"number": 2})):
        assert manager.intend("a", event)
    assert [event.data for event in manager.pending()["a"]] == [{"number": 2}]


def test_what_waits_for_replicas_is_sent_again_before_an_intent_is_looked_into() -> None:
    publisher, unreplicated = InMemoryEventPublisher(), InMemoryEventSpool()
    intents = InMemoryIntents(publisher)
    manager = EventManager(publisher, intents=intents, unreplicated=unreplicated)
    whole, other = (DomainEvent(type="a.b", data={"number": number}) for number in (1, 2))
    for event in (whole, other):
        assert manager.intend("a", event)
    part = DomainEvent(type="a.b", data={}, extensions={INTENT_ID: whole.id})
    unreplicated.append([part])
    assert manager.pending() == {"a": [other]}
    assert [event.id for event in publisher.events] == [part.id]
    assert unreplicated.oldest(9) == []


def test_intents_are_looked_into_also_when_what_waits_for_replicas_cannot_be_sent(mocker: MockerFixture) -> None:
    publisher, unreplicated = InMemoryEventPublisher(), InMemoryEventSpool()
    manager = EventManager(publisher, intents=InMemoryIntents(publisher), unreplicated=unreplicated)
    event = DomainEvent(type="a.b", data={"number": 1})
    assert manager.intend("a", event)
    unreplicated.append([DomainEvent(type="a.b", data={})])
    mocker.patch.object(publisher, "publish", side_effect=EventPublisherError("away"))
    assert manager.pending() == {"a": [event]}
    mocker.patch.object(unreplicated, "oldest", side_effect=EventSpoolError("torn"))
    assert manager.pending() == {"a": [event]}
