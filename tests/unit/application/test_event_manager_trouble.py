"""What the event manager says of trouble, and to whom."""

import json
import logging
from collections.abc import Mapping, Sequence

import pytest

from qontract.adapters.memory import InMemoryEventPublisher, InMemoryEventSpool, InMemoryIntents
from qontract.application.event_manager import EventManager
from qontract.application.ports.event_publisher import EventPublisher, EventPublisherError
from qontract.application.ports.event_spool import EventSpoolError
from qontract.domain.events import DomainEvent

EVENT, OTHER = (DomainEvent(type="a.b", data={"number": number}) for number in range(2))


class Unreadable(InMemoryEventSpool):
    """A spool that cannot be read while it is `damaged`."""

    damaged = True

    def oldest(self, count: int) -> Sequence[DomainEvent]:
        self._check()
        return super().oldest(count)

    def pending(self) -> Mapping[str, Sequence[DomainEvent]]:
        self._check()
        return super().pending()

    def _check(self) -> None:
        if self.damaged:
            raise EventSpoolError("no disk")


class Refusing(EventPublisher):
    def publish(self, events: Sequence[DomainEvent]) -> None:
        raise EventPublisherError("no Redis")


def test_one_line_says_that_the_spool_cannot_be_read_and_one_that_it_can_be_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    spool = Unreadable()
    manager = EventManager(InMemoryEventPublisher(), spool=spool)
    assert (manager.pending(), manager.pending()) == ({}, {})
    manager.publish_event(EVENT)
    spool.damaged = False
    manager.publish_event(OTHER)
    assert [record.message for record in caplog.records] == ["reading the spool fails", "reading the spool works again"]
    assert caplog.records[0].__dict__["error"] == "no disk"


def test_the_store_of_intents_is_told_which_were_applied() -> None:
    told: list[tuple[DomainEvent, bool]] = []

    class Told(InMemoryIntents):
        def resolve(self, events: Sequence[DomainEvent], *, applied: bool) -> None:
            told.extend((event, applied) for event in events)

    publisher = InMemoryEventPublisher()
    EventManager(publisher, intents=Told(publisher)).resolve([EVENT], [OTHER])
    assert told == [(EVENT, True), (OTHER, False)]


def test_an_event_that_only_the_log_has_can_be_read_from_a_line_of_json(caplog: pytest.LogCaptureFixture) -> None:
    EventManager(Refusing()).publish_event(EVENT)
    [logged] = json.loads(json.dumps(caplog.records[0].__dict__["events"]))
    assert DomainEvent.model_validate(logged) == EVENT
