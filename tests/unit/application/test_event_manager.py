"""The event manager stands between producers and whatever may go wrong with a publisher."""

import logging
from collections.abc import Sequence

import pytest

from qontract.adapters.memory import InMemoryEventPublisher, InMemoryEventSpool, InMemoryIntents
from qontract.application.event_manager import BATCH, EventManager
from qontract.application.ports.event_publisher import EventPublisher, EventPublisherError
from qontract.application.ports.event_spool import EventSpoolError
from qontract.application.ports.intents import IntentsError
from qontract.domain.events import DomainEvent

EVENTS = [DomainEvent(type="a.b", data={"number": number}) for number in range(3)]


class Failing(EventPublisher):
    def __init__(self, error: Exception) -> None:
        self.error = error
        self.calls = 0

    def publish(self, events: Sequence[DomainEvent]) -> None:
        self.calls += 1
        raise self.error


def test_an_event_is_published() -> None:
    publisher = InMemoryEventPublisher(source="here")
    EventManager(publisher).publish_event(EVENTS[0])
    assert publisher.events == [EVENTS[0].model_copy(update={"source": "here"})]


def test_events_are_published_in_one_call() -> None:
    calls: list[Sequence[DomainEvent]] = []

    class Recording(EventPublisher):
        def publish(self, events: Sequence[DomainEvent]) -> None:
            calls.append(events)

    EventManager(Recording()).publish_events(EVENTS)
    assert calls == [EVENTS]


class Switched(InMemoryEventPublisher):
    """Takes nothing while it is `down`; counts its calls."""

    down = True
    calls = 0

    def publish(self, events: Sequence[DomainEvent]) -> None:
        self.calls += 1
        if self.down:
            raise EventPublisherError("no Redis")
        super().publish(events)


class Broken(InMemoryEventSpool):
    """A spool that can be neither written nor read."""

    def append(self, events: Sequence[DomainEvent]) -> None:
        raise EventSpoolError("no disk")

    def oldest(self, count: int) -> Sequence[DomainEvent]:
        raise EventSpoolError("no disk")

    def record(self, scope: str, event: DomainEvent) -> None:
        raise EventSpoolError("no disk")

    def remove(self, events: Sequence[DomainEvent]) -> None:
        raise EventSpoolError("no disk")


class NoIntents(InMemoryIntents):
    def record(self, scope: str, event: DomainEvent) -> None:
        raise IntentsError("no Redis")


def an_event(number: int, subject: str = "one") -> DomainEvent:
    return DomainEvent(type="a.b", source="/here", subject=subject, data={"number": number})


def numbers(events: Sequence[DomainEvent]) -> list[object]:
    return [event.model_dump()["data"]["number"] for event in events]


@pytest.mark.parametrize(
    "error",
    [
        EventPublisherError("no Redis"),
        ConnectionError("no Redis"),
        KeyError("no Redis"),
        ExceptionGroup("no Redis", [OSError()]),
    ],
)
@pytest.mark.parametrize("spool", [None, Broken()])
def test_an_event_that_can_be_kept_nowhere_is_in_the_log_whole_and_no_exception_comes_through(
    error: Exception, spool: InMemoryEventSpool | None, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = Failing(error)
    EventManager(publisher, spool=spool).publish_events(EVENTS)
    assert publisher.calls == 1
    record = caplog.records[-1]
    assert (record.levelno, record.message) == (logging.ERROR, "events not published")
    assert [event["id"] for event in record.__dict__["events"]] == [event.id for event in EVENTS]
    assert [event["data"] for event in record.__dict__["events"]] == [event.data for event in EVENTS]
    assert "no Redis" in record.__dict__["error"]
    assert ("no disk" in record.__dict__["spool"]) == (spool is not None)
    assert bool(record.exc_info) == (not isinstance(error, EventPublisherError))


def test_an_event_that_is_not_taken_waits_in_the_spool_and_goes_before_newer_ones() -> None:
    publisher, spool = Switched(), InMemoryEventSpool()
    manager = EventManager(publisher, spool=spool)
    for number in range(3):
        manager.publish_event(an_event(number))
    assert (numbers(publisher.events), numbers(spool.oldest(9))) == ([], [0, 1, 2])
    publisher.down = False
    manager.publish_event(an_event(3))
    assert (numbers(publisher.events), numbers(spool.oldest(9))) == ([0, 1, 2, 3], [])


def test_an_event_that_another_process_spooled_goes_before_newer_ones_too() -> None:
    publisher, spool = Switched(), InMemoryEventSpool()
    EventManager(publisher, spool=spool).publish_event(an_event(0))
    publisher.down = False
    EventManager(publisher, spool=spool).publish_event(an_event(1))
    assert numbers(publisher.events) == [0, 1]


def test_no_publishing_sends_more_than_a_batch_of_the_spool_and_none_overtakes_what_is_left() -> None:
    publisher, spool = Switched(), InMemoryEventSpool()
    manager = EventManager(publisher, spool=spool)
    manager.publish_events([an_event(number) for number in range(2 * BATCH + 1)])
    publisher.down = False
    manager.publish_event(an_event(2 * BATCH + 1))
    assert numbers(publisher.events) == list(range(BATCH))
    manager.publish_event(an_event(2 * BATCH + 2))
    assert numbers(publisher.events) == list(range(2 * BATCH))
    manager.publish_event(an_event(2 * BATCH + 3))
    assert numbers(publisher.events) == list(range(2 * BATCH + 4))
    assert not spool.oldest(1)


def test_flush_sends_all_that_is_spooled_in_order_and_says_how_many() -> None:
    publisher, spool = Switched(), InMemoryEventSpool()
    manager = EventManager(publisher, spool=spool)
    manager.publish_events([an_event(number) for number in range(250)])
    with pytest.raises(EventPublisherError):
        manager.flush()
    assert len(spool.oldest(999)) == 250
    publisher.down = False
    assert (manager.flush(), manager.flush()) == (250, 0)
    assert numbers(publisher.events) == list(range(250))


def test_one_line_says_that_publishing_fails_and_one_that_it_works_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    publisher = Switched()
    manager = EventManager(publisher, spool=InMemoryEventSpool())
    for number in range(50):
        manager.publish_event(an_event(number))
    publisher.down = False
    for number in range(50):
        manager.publish_event(an_event(number))
    assert [record.message for record in caplog.records] == ["publishing fails", "publishing works again"]
    assert caplog.records[0].__dict__["error"] == "no Redis"


def test_a_spool_that_cannot_be_read_keeps_no_event_back(caplog: pytest.LogCaptureFixture) -> None:
    publisher = InMemoryEventPublisher()
    manager = EventManager(publisher, spool=Broken())
    manager.publish_event(an_event(0))
    manager.publish_event(an_event(1))
    assert numbers(publisher.events) == [0, 1]
    assert "no disk" in str(caplog.records[0].__dict__)


class Unwritable(InMemoryEventSpool):
    """A spool on a disk that has become full: it can be read."""

    def remove(self, events: Sequence[DomainEvent]) -> None:
        raise EventSpoolError("no room")


def test_flush_ends_with_an_error_if_the_spool_cannot_be_written() -> None:
    spool = Unwritable()
    spool.append([an_event(0)])
    with pytest.raises(EventSpoolError, match="no room"):
        EventManager(InMemoryEventPublisher(), spool=spool).flush()


def test_what_cannot_be_removed_from_the_spool_keeps_no_newer_event_back() -> None:
    publisher, spool = InMemoryEventPublisher(), Unwritable()
    spool.append([an_event(number) for number in range(BATCH)])
    EventManager(publisher, spool=spool).publish_event(an_event(BATCH))
    assert numbers(publisher.events) == list(range(BATCH + 1))


def test_an_event_that_the_publisher_refuses_keeps_back_no_other_and_is_in_the_log_whole(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Fussy(InMemoryEventPublisher):
        def publish(self, events: Sequence[DomainEvent]) -> None:
            if 1 in numbers(events):
                raise EventPublisherError("a 1 is in it", refused=True)
            super().publish(events)

    publisher, spool = Fussy(), InMemoryEventSpool()
    spool.append([an_event(1), an_event(2)])
    EventManager(publisher, spool=spool).publish_events([an_event(0), an_event(1), an_event(3)])
    assert numbers(publisher.events) == [2, 0, 3]
    assert not spool.oldest(1)
    assert [record.message for record in caplog.records] == ["event refused"] * 2
    assert caplog.records[0].__dict__["events"][0]["data"] == {"number": 1}


def test_each_event_that_is_not_published_counts_once_however_often_it_is_republished() -> None:
    counted: list[int] = []
    publisher = Switched()
    manager = EventManager(publisher, spool=InMemoryEventSpool(), count_not_published=counted.append)
    manager.publish_events(EVENTS[:2])
    for _ in range(3):
        with pytest.raises(EventPublisherError):
            manager.flush()
    manager.publish_event(EVENTS[2])
    publisher.down = False
    manager.flush()
    manager.publish_event(an_event(9))
    assert sum(counted) == 3


def test_an_intent_is_resolved_by_publishing_its_event() -> None:
    publisher = InMemoryEventPublisher()
    manager = EventManager(publisher, spool=InMemoryEventSpool(), intents=InMemoryIntents(publisher))
    event = an_event(0)
    assert manager.intend("scope", event)
    assert manager.pending() == {"scope": [event]}
    manager.publish_event(event)
    assert manager.pending() == {}


def test_an_intent_that_redis_does_not_take_is_recorded_in_the_spool_and_resolved_there() -> None:
    publisher, spool = Switched(), InMemoryEventSpool()
    manager = EventManager(publisher, spool=spool, intents=NoIntents(publisher))
    first, second = an_event(0), an_event(1)
    assert manager.intend("scope", first)
    assert manager.intend("scope", second)
    assert manager.pending() == {"scope": [first, second]}
    manager.publish_event(first)
    assert (manager.pending(), spool.oldest(9)) == ({"scope": [second]}, [first])
    publisher.down = False
    manager.publish_event(second)
    assert publisher.events == [first, second]
    assert (manager.pending(), spool.oldest(9)) == ({}, [])


def test_an_intent_that_no_place_takes_is_refused() -> None:
    publisher = InMemoryEventPublisher()
    assert not EventManager(publisher, spool=Broken(), intents=NoIntents(publisher)).intend("scope", an_event(0))


def test_without_a_place_for_intents_there_is_nothing_to_record() -> None:
    assert EventManager(InMemoryEventPublisher()).intend("scope", an_event(0))


def test_what_was_found_applied_is_published_once_and_the_rest_is_dropped() -> None:
    publisher, spool = InMemoryEventPublisher(), InMemoryEventSpool()
    intents = InMemoryIntents(publisher)
    here, there, neither = an_event(0), an_event(1), an_event(2)
    spool.record("scope", here)
    intents.record("scope", there)
    intents.record("scope", neither)
    manager = EventManager(publisher, spool=spool, intents=intents)
    manager.resolve([here, there], [neither])
    manager.resolve([here, there], [])
    assert publisher.events == [here, there]
    assert manager.pending() == {}


def test_what_was_found_applied_while_redis_is_away_waits_in_the_spool() -> None:
    publisher, spool = Switched(), InMemoryEventSpool()
    event = an_event(0)
    spool.record("scope", event)
    manager = EventManager(publisher, spool=spool)
    manager.resolve([event], [])
    assert (manager.pending(), spool.oldest(9)) == ({}, [event])
    publisher.down = False
    manager.flush()
    assert publisher.events == [event]


def test_without_a_spool_there_is_nothing_to_say_of_it() -> None:
    assert EventManager(InMemoryEventPublisher()).spooled() is None
