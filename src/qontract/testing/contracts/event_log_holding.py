"""The contract of EventLog for entries that were read: how they are held, and measured."""

import asyncio
from contextlib import suppress

import pytest

from qontract.application.ports.event_log import Entry, LeaseLostError, Measures
from qontract.testing.contracts.event_log_ending import FAILURES
from qontract.testing.contracts.event_log_events import (
    CLAIM_SECONDS,
    MUCH,
    Events,
    contents,
    event,
    nothing_to_read,
    opened,
    read,
    some_events,
    successor,
)


class HoldingContract:
    """A part of EventLogContract."""

    async def test_heartbeat_shows_that_this_replica_still_works_on_the_entries(self, events: Events) -> None:
        await events.append(*some_events(2))
        one = await opened(events, shared=True)
        silent, busy = await read(one, 2)
        two = await opened(events, "two", shared=True)
        found: list[Entry] = []
        for _ in range(15):
            await one.heartbeat([busy])
            await asyncio.sleep(CLAIM_SECONDS / 8)
            found += await two.read(10, MUCH, 0)
            await two.heartbeat(found)
        assert contents(found) == [silent.content]

    @pytest.mark.parametrize("method", ["heartbeat", "release"])
    async def test_a_replica_takes_and_gives_nothing_that_another_one_has_claimed(
        self, events: Events, method: str
    ) -> None:
        await events.append(event(1))
        one = await opened(events, shared=True)
        held = await read(one, 1)
        two = await successor(events, one, shared=True)
        await read(two, 1)
        await getattr(one, method)(held)
        await one.open()
        assert await nothing_to_read(one)
        await two.open()
        assert contents(await read(two, 1)) == [event(1)]

    async def test_a_heartbeat_of_what_is_acknowledged_changes_nothing(self, events: Events, shared: bool) -> None:
        await events.append(event(1))
        log = await opened(events, shared=shared)
        held = await read(log, 1)
        await log.acknowledge(held)
        await log.heartbeat(held)
        await log.release(held)
        assert (await log.measures()).pending == 0

    async def test_release_gives_entries_back_to_be_read_at_once_by_whoever_is_next(
        self, events: Events, shared: bool
    ) -> None:
        kept = some_events(2)
        await events.append(*kept)
        one = await opened(events, shared=shared)
        held = await read(one, 2)
        held[0].failures = FAILURES
        await one.record(held[:1])
        await one.release(held)
        await one.abdicate()
        two = await opened(events, "two", shared=shared)
        async with asyncio.timeout(CLAIM_SECONDS * 0.9):
            found = await read(two, 2)
        assert contents(found) == kept
        assert found[0].failures == FAILURES

    async def test_ordered_only_a_leader_releases(self, events: Events) -> None:
        await events.append(event(1))
        one = await opened(events)
        held = await read(one, 1)
        two = await successor(events, one, shared=False)
        await read(two, 1)
        with suppress(LeaseLostError):
            await one.release(held)
        await two.open()
        assert contents(await read(two, 1)) == [event(1)]
        assert await nothing_to_read(two)

    async def test_close_takes_this_replica_from_the_subscription(self, events: Events) -> None:
        one, two = [await opened(events, replica, shared=True) for replica in ("one", "two")]
        for log in (one, two):
            await log.read(1, MUCH, 0)
        assert (await one.measures()).replicas == 2
        await two.close()
        assert (await one.measures()).replicas == 1

    async def test_close_loses_nothing_that_this_replica_holds(self, events: Events, shared: bool) -> None:
        kept = some_events(2)
        await events.append(*kept)
        log = await opened(events, shared=shared)
        await read(log, 2)
        await log.close()
        assert contents(await read(await successor(events, log, shared=shared), 2)) == kept


class KnowingContract:
    """A part of EventLogContract."""

    async def test_remember_keeps_ids_for_so_many_seconds(self, events: Events, shared: bool) -> None:
        log = await opened(events, shared=shared)
        await log.remember(["a", "b"], 0.2)
        await log.remember(["c"], 60)
        assert [await log.known(id_) for id_ in ("a", "b", "c", "d")] == [True, True, True, False]
        await asyncio.sleep(0.3)
        assert [await log.known(id_) for id_ in ("a", "b", "c", "d")] == [False, False, True, False]

    async def test_known_says_what_any_replica_of_the_subscription_remembered(
        self, events: Events, shared: bool
    ) -> None:
        await (await opened(events, shared=shared)).remember(["a"], 60)
        assert await events.log("audit-log", "two", shared=shared).known("a")
        assert not await (await opened(events, shared=shared, subscription="another")).known("a")

    async def test_measures_say_how_far_the_subscription_has_come(self, events: Events, shared: bool) -> None:
        log = await opened(events, shared=shared)
        assert (await log.measures()).oldest_seconds == 0
        await events.append(*some_events(3))
        await asyncio.sleep(0.2)
        fresh = await log.measures()
        assert (fresh.lag, fresh.pending) == (3, 0)
        held = await read(log, 2)
        begun = await log.measures()
        assert begun == Measures(1, 2, begun.oldest_seconds, 0, 1)
        assert 0.1 <= min(fresh.oldest_seconds, begun.oldest_seconds) <= begun.oldest_seconds <= 10
        await log.acknowledge(held + await read(log, 1))
        assert await log.measures() == Measures(0, 0, 0, 0, 1)

    async def test_measures_count_the_dead_letters_of_the_subscription_and_what_is_redriven(
        self, events: Events, shared: bool
    ) -> None:
        one, two = [await opened(events, shared=shared, subscription=name) for name in ("one", "two")]
        await events.append(event(1))
        [entry] = await read(one, 1)
        await one.dead_letter(entry)
        assert [(await log.measures()).dead_letters for log in (one, two)] == [1, 0]
        [letter] = events.dead_letters.iterate()
        events.dead_letters.redrive(letter.id)
        after = await one.measures()
        assert (after.lag, after.dead_letters) == (1, 0)
