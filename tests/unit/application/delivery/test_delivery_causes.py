"""One subscription at work: the causes that its dead letters have, in memory."""

import asyncio
from typing import Any

from qontract.adapters.memory import InMemoryEventStore
from qontract.application.ports.event_handler import Delivery, EventHandler, Policy, Reject
from qontract.domain.events import DomainEvent
from qontract.domain.failure_causes import Cause
from tests.support.delivering import Counted, Handler, an_event, failing, letters, on_virtual_clock, replica, until
from tests.support.delivering import publish as publish_to

POLICY = Policy(max_attempts=2, backoff=0.1, timeout=5)


class Troubled(EventHandler[Any]):
    """Fails in another way for each number."""

    types = ("*",)
    policy = POLICY

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        match event.data:
            case {"number": 0}:
                look_up(event.id)
            case {"number": 1}:
                await forever()
            case {"number": 2}:
                raise Reject(event.id)
            case _:
                async with asyncio.timeout(1):
                    await forever()


def look_up(key: str) -> None:
    raise KeyError(key)


async def forever() -> None:
    await asyncio.Event().wait()


class Typed(EventHandler[Counted]):
    types = ("*",)
    policy = POLICY

    async def handle(self, event: Counted, delivery: Delivery) -> None:
        raise AssertionError("no event fits")


def place(function: Any, lines_below: int) -> str:
    """Return where that line is, as causes have it."""
    return f"{__name__}.{function.__qualname__}:{function.__code__.co_firstlineno + lines_below}"


async def causes(handler: EventHandler[Any], events: InMemoryEventStore, count: int) -> list[Cause]:
    async with replica(events, handler):
        await until(lambda: len(letters(events)) == count)
    return [letter.cause for letter in sorted(letters(events), key=lambda letter: letter.subject or "")]


@on_virtual_clock
async def test_the_cause_is_what_was_raised_and_the_innermost_line_of_the_handlers_package() -> None:
    events = InMemoryEventStore()
    publish_to(events, *(an_event(number, f"subject-{number}") for number in range(4)))
    assert await causes(Troubled(), events, 4) == [
        Cause("KeyError", place(look_up, 1)),
        Cause("timed out", place(forever, 1)),
        Cause("rejected", place(Troubled.handle, 7)),
        Cause("TimeoutError", place(Troubled.handle, 9)),
    ]


@on_virtual_clock
async def test_each_attempt_has_its_cause_and_the_last_is_the_one_of_the_letter() -> None:
    events = InMemoryEventStore()
    publish_to(events, an_event(0))
    handler = Handler(POLICY, failing(ValueError("no"), 0))
    [cause] = await causes(handler, events, 1)
    [letter] = letters(events)
    assert [failure.cause for failure in letter.failures] == [cause] * 2
    assert cause.kind == "ValueError"
    assert cause.where.startswith("tests.support.delivering.failing.<locals>.trouble:")


@on_virtual_clock
async def test_what_does_not_fit_its_class_and_what_is_no_event_have_causes_without_a_place_in_the_code() -> None:
    events = InMemoryEventStore()
    publish_to(events, DomainEvent(type="qontract-api.tests-delivery.counted", subject="s", data={"number": "seven"}))
    events.append(b"\xff")
    kinds = await causes(Typed(), events, 2)
    assert kinds == [Cause("is no event"), Cause("does not fit Counted", "data.number")]
