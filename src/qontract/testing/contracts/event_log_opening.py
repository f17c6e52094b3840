"""The contract of EventLog for opening, and for lost places and lost events."""

import asyncio
from contextlib import suppress

import pytest

from qontract.application.ports.event_log import LogWentBackError, PlaceLostError
from qontract.testing.contracts.event_log_events import (
    MUCH,
    PATIENCE,
    Events,
    calls,
    contents,
    event,
    opened,
    read,
    some_events,
)


class OpeningContract:
    """A part of EventLogContract."""

    async def test_open_makes_the_subscription_at_the_first_kept_event_if_it_is_missing(
        self, events: Events, shared: bool
    ) -> None:
        kept = some_events(2)
        await events.append(*kept)
        log = await opened(events, shared=shared)
        assert contents(await read(log, 2)) == kept

    async def test_open_says_whether_it_made_the_subscription(self, events: Events, shared: bool) -> None:
        one, two = (events.log("audit-log", replica, shared=shared) for replica in ("one", "two"))
        assert [await log.open() for log in (one, two, one)] == [True, False, False]

    async def test_after_another_open_what_this_replica_holds_is_read_again_before_anything_new(
        self, events: Events, shared: bool
    ) -> None:
        first, second, third, new = some_events(4)
        await events.append(first, second, third)
        log = await opened(events, shared=shared)
        held = await read(log, 3)
        await log.acknowledge([held[1]])
        await events.append(new)
        assert not await log.open()
        again = await read(log, 3)
        assert contents(again) == [first, third, new]
        assert [entry.redelivered for entry in again] == [True, True, False]

    async def test_each_subscription_reads_every_event(self, events: Events, shared: bool) -> None:
        one, two = [await opened(events, shared=shared, subscription=name) for name in ("one", "two")]
        await events.append(event(1))
        await one.acknowledge(await read(one, 1))
        assert contents(await read(two, 1)) == [event(1)]

    async def test_where_the_place_is_lost_reading_and_claiming_say_so(self, events: Events, shared: bool) -> None:
        await events.append(event(1))
        log = await opened(events, shared=shared)
        await read(log, 1)
        await events.lose("audit-log")
        with pytest.raises(PlaceLostError):
            await log.read(1, MUCH, 0)
        if not shared:
            with pytest.raises(PlaceLostError):
                await log.claim_all()

    async def test_where_the_log_went_back_it_says_so_once_and_nothing_that_is_not_acknowledged_is_skipped(
        self, events: Events, shared: bool
    ) -> None:
        first, second, lost, new = some_events(4)
        await events.append(first, second)
        log = await opened(events, shared=shared)
        held = await read(log, 2)
        await log.acknowledge(held[:1])
        go_back = await events.fork()
        await events.append(lost)
        await log.acknowledge([*held[1:], *await read(log, 1)])
        await go_back()
        with pytest.raises(LogWentBackError):
            await read(log, 1)
        await events.append(new)
        assert not await log.open()
        if not shared:
            await log.claim_all()
        assert contents(await read(log, 2)) == [second, new]

    async def test_where_the_log_may_have_lost_what_was_done_it_says_so_though_it_did_not_go_back(
        self, events: Events, shared: bool
    ) -> None:
        await events.append(event(1))
        log = await opened(events, shared=shared)
        held, go_back = await read(log, 1), await events.fork()
        await log.acknowledge(held)
        await go_back()
        with pytest.raises(PlaceLostError) as raised:
            await read(log, 1)
        assert not isinstance(raised.value, LogWentBackError)
        await log.open()
        assert contents(await read(log, 1)) == [event(1)]

    async def test_a_read_that_waits_says_so_too(self, events: Events, shared: bool) -> None:
        log = await opened(events, shared=shared)
        waiting = asyncio.create_task(log.read(1, MUCH, PATIENCE))
        await asyncio.sleep(0.1)
        await events.lose("audit-log")
        async with asyncio.timeout(PATIENCE / 2):
            with pytest.raises(PlaceLostError):
                await waiting

    async def test_where_the_place_is_lost_no_method_raises_anything_else(self, events: Events, shared: bool) -> None:
        await events.append(event(1))
        log = await opened(events, shared=shared)
        entries = await read(log, 1)
        await events.lose("audit-log")
        for call in calls(log, entries).values():
            with suppress(PlaceLostError):
                await call()

    async def test_after_a_loss_open_makes_it_again_and_all_that_is_not_acknowledged_is_read(
        self, events: Events, shared: bool
    ) -> None:
        kept = some_events(3)
        await events.append(*kept)
        log = await opened(events, shared=shared)
        await read(log, 2)
        await events.lose("audit-log")
        assert await log.open()
        if not shared:
            await log.claim_all()
        assert contents(await read(log, 3)) == kept
