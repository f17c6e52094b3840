"""One subscription at work on entries that vanish behind its back, in memory."""

import asyncio
import logging

import pytest

from qontract.adapters.memory import InMemoryEventStore
from qontract.application.delivery.counts import DeliveryCount
from qontract.application.ports.event_handler import Policy, Reject, RetryLater
from qontract.domain.events import DomainEvent
from tests.support.delivering import (
    FORMAT,
    NAME,
    Handler,
    an_event,
    failing,
    letters,
    on_virtual_clock,
    pending,
    publish,
    replica,
    until,
)


def lost(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the entries that the log says have expired."""
    lines = [record for record in caplog.records if record.message == "event expired before it was handled"]
    assert all((line.levelno, line.__dict__["subscription"]) == (logging.ERROR, NAME) for line in lines)
    assert all(line.__dict__["count"] == 1 for line in lines)
    return [line.__dict__["entry"] for line in lines]


@on_virtual_clock
async def test_entries_that_vanished_from_a_dead_replica_are_counted_and_logged_each_with_its_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events, first, second = InMemoryEventStore(), Handler(Policy(timeout=3600)), Handler()

    async def endless(_: int, __: int) -> None:
        await asyncio.sleep(3000)

    first._trouble = endless
    publish(events, *map(an_event, range(4)))
    async with replica(events, first) as one:
        await until(lambda: pending(events) == 4)
        one.kill()
    events.remove(2)
    events.remove(3)
    async with replica(events, second, "two") as two:
        await until(lambda: pending(events) == 0)
        assert two.counts[DeliveryCount.EXPIRED] == 2
    assert lost(caplog) == ["2", "3"]
    assert second.handled == [0, 3]
    assert letters(events) == []


@pytest.mark.parametrize("classes", [(), (DomainEvent,)], ids=["any", "of a class"])
@on_virtual_clock
async def test_entries_that_vanish_while_they_wait_behind_another_are_counted_and_logged_each_with_its_key(
    classes: tuple[type[DomainEvent], ...], caplog: pytest.LogCaptureFixture
) -> None:
    events, asked, handler = InMemoryEventStore(), list[int](), Handler()
    handler.classes = classes

    async def later_once(number: int, _: int) -> None:
        asked.append(number)
        if asked == [0]:
            raise RetryLater(50)

    handler._trouble = later_once
    publish(events, *map(an_event, range(4)))
    async with replica(events, handler) as one:
        await until(lambda: pending(events) == 4)
        await asyncio.sleep(5)
        events.remove(2)
        events.remove(4)
        await until(lambda: pending(events) == 0)
        assert one.counts[DeliveryCount.EXPIRED] == 2
    assert (handler.handled, lost(caplog), letters(events)) == ([0, 2], ["2", "4"], [])
    assert len(caplog.records) == 2, "nothing broke off"


@on_virtual_clock
async def test_a_dead_letter_is_made_of_the_bytes_at_hand_when_its_entry_has_vanished() -> None:
    events, event = InMemoryEventStore(), an_event(0)

    async def vanish(_: int, __: int) -> None:
        events.remove(1)
        raise Reject("no such team")

    publish(events, event)
    async with replica(events, Handler(trouble=vanish)) as one:
        await until(lambda: pending(events) == 0)
        assert one.counts[DeliveryCount.DEAD_LETTERED] == 1
    [letter] = letters(events)
    assert letter.data == FORMAT.encode(event)


@on_virtual_clock
async def test_an_entry_that_vanished_and_is_handled_all_the_same_is_not_called_expired() -> None:
    events, handler = InMemoryEventStore(), Handler(trouble=failing(RuntimeError("not this time"), 0, times=0))

    async def vanish(_: int, __: int) -> None:
        events.remove(1)

    handler._trouble = vanish
    publish(events, an_event(0))
    async with replica(events, handler) as one:
        await until(lambda: pending(events) == 0)
        assert (one.counts[DeliveryCount.EXPIRED], one.counts[DeliveryCount.HANDLED]) == (0, 1)
