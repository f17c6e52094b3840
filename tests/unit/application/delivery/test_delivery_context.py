"""One subscription at work: what a log line of a handler is about, in memory."""

import asyncio
import logging

import pytest
from pytest_mock import MockerFixture

from qontract.adapters.memory import InMemoryEventStore
from qontract.application.delivery.attempts import current_delivery
from qontract.application.ports.event_handler import Delivery, EventHandler, Policy
from qontract.domain.events import DomainEvent
from tests.support.delivering import an_event, number_of, on_virtual_clock, pending, publish, replica, until

log = logging.getLogger(__name__)


class Talking(EventHandler):
    """Logs before and after it waits."""

    policy = Policy(dedupe_for=60, max_attempts=1)

    def __init__(self) -> None:
        self.own: list[bool] = []

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        for _ in range(3):
            log.warning("handler speaks", extra={"number": number_of(event)})
            self.own.append(current_delivery.get() is delivery)
            await asyncio.sleep(1)
        if number_of(event) % 2:
            raise RuntimeError("not this time")


@on_virtual_clock
async def test_the_current_delivery_is_that_of_the_handler_while_it_runs_and_none_after(mocker: MockerFixture) -> None:
    events, handler, after = InMemoryEventStore(), Talking(), list[Delivery | None]()
    publish(events, *(an_event(number, f"key-{number % 10}") for number in range(40)))

    async def between(_: str) -> bool:
        after.append(current_delivery.get())
        return False

    async with replica(events, handler) as one:
        mocker.patch.object(one.log, "known", side_effect=between)  # asked in the same tasks, before a handler
        await until(lambda: len(handler.own) == 120 and pending(events) == 0)
    assert all(handler.own)
    assert after == [None] * 40


@on_virtual_clock
async def test_a_log_line_carries_the_context_of_its_own_event(caplog: pytest.LogCaptureFixture) -> None:
    events, handler = InMemoryEventStore(), Talking()
    publish(events, *(an_event(number, f"key-{number % 10}") for number in range(40)))
    about: list[tuple[int, int]] = []

    def note(record: logging.LogRecord) -> bool:
        if record.getMessage() == "handler speaks" and (delivery := current_delivery.get()):
            about.append((record.__dict__["number"], number_of(delivery.event)))
        return True

    caplog.handler.addFilter(note)
    async with replica(events, handler):
        await until(lambda: len(handler.own) == 120 and pending(events) == 0)
    caplog.handler.removeFilter(note)
    assert len(about) == 120
    assert all(spoken_by == number for spoken_by, number in about)
