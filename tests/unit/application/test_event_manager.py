"""The event manager stands between producers and whatever may go wrong with a publisher."""

import logging
from collections.abc import Sequence

import pytest

from qontract.adapters.memory import InMemoryEventPublisher
from qontract.application.event_manager import EventManager
from qontract.application.ports.event_publisher import EventPublisher, EventPublisherError
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


@pytest.mark.parametrize(
    "error",
    [
        EventPublisherError("no Redis"),
        ConnectionError("no Redis"),
        KeyError("no Redis"),
        ExceptionGroup("no Redis", [OSError()]),
    ],
)
def test_no_exception_of_a_publisher_comes_through_and_it_is_logged_once(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = Failing(error)
    EventManager(publisher).publish_events(EVENTS)
    assert publisher.calls == 1
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.__dict__["events"] == [event.id for event in EVENTS]
    assert "no Redis" in caplog.text + str(record.__dict__)


def test_an_expected_failure_is_logged_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    EventManager(Failing(EventPublisherError("no Redis"))).publish_event(EVENTS[0])
    EventManager(Failing(RuntimeError("a bug"))).publish_event(EVENTS[0])
    expected, unexpected = caplog.records
    assert expected.exc_info is None
    assert unexpected.exc_info


def test_publishing_goes_on_after_a_failure() -> None:
    class Recovering(InMemoryEventPublisher):
        down = True

        def publish(self, events: Sequence[DomainEvent]) -> None:
            if self.down:
                self.down = False
                raise EventPublisherError("no Redis")
            super().publish(events)

    publisher = Recovering()
    manager = EventManager(publisher)
    manager.publish_event(EVENTS[0])
    manager.publish_event(EVENTS[1])
    assert [event.id for event in publisher.events] == [EVENTS[1].id]
