"""The contract of EventLog for leading, claiming and reading."""

import asyncio

import pytest

from qontract.application.ports.event_log import LeaseLostError
from qontract.testing.contracts.event_log_events import (
    CLAIM_SECONDS,
    LONG,
    MUCH,
    PATIENCE,
    Events,
    contents,
    event,
    nothing_to_read,
    opened,
    read,
    some_events,
    successor,
)


class LeadingContract:
    """A part of EventLogContract: only for ordered subscriptions."""

    async def test_at_most_one_replica_leads(self, events: Events) -> None:
        one, two = (events.log("audit-log", replica, shared=False) for replica in ("one", "two"))
        await one.open()
        assert [await log.lead(LONG) for log in (one, two, one)] == [True, False, True]

    async def test_each_subscription_has_a_leader_of_its_own(self, events: Events) -> None:
        await opened(events, "one", subscription="one")
        await opened(events, "two", subscription="two")

    async def test_lead_is_for_so_many_seconds(self, events: Events) -> None:
        one, two = (events.log("audit-log", replica, shared=False) for replica in ("one", "two"))
        await one.open()
        assert await one.lead(0.3)
        assert not await two.lead(LONG)
        await asyncio.sleep(0.4)
        assert await two.lead(LONG)
        assert not await one.lead(LONG)

    async def test_lead_keeps_it_so(self, events: Events) -> None:
        one, two = (events.log("audit-log", replica, shared=False) for replica in ("one", "two"))
        await one.open()
        assert await one.lead(0.2)
        assert await one.lead(LONG)
        await asyncio.sleep(0.3)
        assert not await two.lead(LONG)

    async def test_abdicate_ends_that(self, events: Events) -> None:
        one, two = await opened(events), events.log("audit-log", "two", shared=False)
        await one.abdicate()
        assert await two.lead(LONG)

    async def test_who_does_not_lead_ends_nothing_by_abdicating(self, events: Events) -> None:
        await opened(events)
        two = events.log("audit-log", "two", shared=False)
        await two.abdicate()
        assert not await two.lead(LONG)

    async def test_read_raises_lease_lost_error_if_another_replica_leads(self, events: Events) -> None:
        await events.append(event(1))
        one = await opened(events)
        await one.abdicate()
        await opened(events, "two")
        with pytest.raises(LeaseLostError):
            await one.read(1, MUCH, 0)

    async def test_claim_all_hands_a_new_leader_everything_that_is_not_acknowledged_in_order_before_anything_new(
        self, events: Events
    ) -> None:
        kept = some_events(6)
        await events.append(*kept[:5])
        one = await opened(events)
        held = await read(one, 4)
        await one.acknowledge(held[1:2])
        await events.append(kept[5])
        two = await successor(events, one, shared=False)
        found = await read(two, 5)
        assert contents(found) == [kept[0], kept[2], kept[3], kept[4], kept[5]]
        assert [entry.redelivered for entry in found] == [True, True, True, False, False]
        assert await nothing_to_read(two)

    async def test_what_a_leader_holds_does_not_come_again_by_itself(self, events: Events) -> None:
        await events.append(event(1))
        log = await opened(events)
        await read(log, 1)
        await asyncio.sleep(1.5 * CLAIM_SECONDS)
        assert await nothing_to_read(log)

    async def test_a_new_leader_has_what_two_dead_ones_had(self, events: Events) -> None:
        kept = some_events(3)
        await events.append(*kept)
        one = await opened(events)
        await read(one, 1)
        two = await successor(events, one, shared=False)
        await read(two, 2)
        three = await successor(events, two, "three", shared=False)
        assert contents(await read(three, 3)) == kept


class ReadingContract:
    """A part of EventLogContract."""

    async def test_read_has_new_entries_in_order_up_to_count(self, events: Events, shared: bool) -> None:
        kept = some_events(5)
        await events.append(*kept)
        log = await opened(events, shared=shared)
        first = list(await log.read(3, MUCH, 1))
        assert 1 <= len(first) <= 3
        assert contents(first + await read(log, 5 - len(first))) == kept
        assert not any(entry.redelivered or entry.expired or entry.recorded for entry in first)

    async def test_read_has_about_so_many_bytes(self, events: Events, shared: bool) -> None:
        await events.append(*(event(number, text="x" * 10_000) for number in range(20)))
        log = await opened(events, shared=shared)
        await read(log, 1)
        sizes = [len(entry.content or b"") for entry in await log.read(19, 30_000, 1)]
        assert 10_000 <= sum(sizes) <= 60_000

    async def test_read_has_one_entry_at_least_however_large(self, events: Events, shared: bool) -> None:
        large = [event(number, text="x" * 10_000) for number in range(3)]
        await events.append(*large)
        log = await opened(events, shared=shared)
        found = [entry for _ in large for entry in await log.read(1, 1, 1)]
        assert contents(found) == large

    async def test_read_waits_for_the_first_event(self, events: Events, shared: bool) -> None:
        log = await opened(events, shared=shared)
        waiting = asyncio.create_task(log.read(10, MUCH, PATIENCE))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await events.append(event(1))
        async with asyncio.timeout(PATIENCE / 2):
            assert contents(await waiting) == [event(1)]

    @pytest.mark.parametrize("wait", [0, 0.2])
    async def test_read_has_none_if_none_came_while_it_waited(self, events: Events, shared: bool, wait: float) -> None:
        log = await opened(events, shared=shared)
        async with asyncio.timeout(wait + 1):
            assert not await log.read(10, MUCH, wait)

    async def test_entries_of_types_that_it_does_not_want_may_be_left_out_and_are_acknowledged(
        self, events: Events, shared: bool
    ) -> None:
        log = await opened(events, shared=shared, wants=lambda type_: type_ == "a.b")
        for number in range(30):
            await events.append(event(number, "a.b" if number % 10 == 0 else "x.y"))
        wanted = []
        while (await log.measures()).lag:
            found = await log.read(5, MUCH, 0.05)
            wanted += [entry.content for entry in found if entry.content and b"a.b" in entry.content]
            await log.acknowledge(found)
        assert wanted == [event(0), event(10), event(20)]
        assert (await log.measures()).pending == 0

    async def test_bytes_without_a_type_are_read_all_the_same(self, events: Events, shared: bool) -> None:
        log = await opened(events, shared=shared, wants=lambda type_: type_ == "a.b")
        await events.append(b"\xff\x00no event\r\n")
        [entry] = await read(log, 1)
        assert (entry.content, entry.type) == (b"\xff\x00no event\r\n", None)

    async def test_a_type_is_the_events_or_not_known_yet(self, events: Events, shared: bool) -> None:
        log = await opened(events, shared=shared)
        await events.append(event(1, "a.b"))
        [entry] = await read(log, 1)
        assert entry.type in ("a.b", None)

    async def test_replicas_that_share_read_each_entry_once(self, events: Events) -> None:
        kept = some_events(6)
        await events.append(*kept)
        one, two = [await opened(events, replica, shared=True) for replica in ("one", "two")]
        found = contents([*await one.read(3, MUCH, 1), *await two.read(3, MUCH, 1)])
        assert sorted(str(content) for content in found) == sorted(str(content) for content in kept[: len(found)])

    async def test_shared_read_also_brings_what_no_replica_has_shown_to_be_working_on(self, events: Events) -> None:
        kept = some_events(2)
        await events.append(*kept)
        await read(await opened(events, shared=True), 2)
        two = await opened(events, "two", shared=True)
        assert await nothing_to_read(two)
        await asyncio.sleep(1.5 * CLAIM_SECONDS)
        found = await read(two, 2)
        assert contents(found) == kept
        assert all(entry.redelivered for entry in found)

    async def test_a_shared_read_that_waits_brings_it_too(self, events: Events) -> None:
        await events.append(event(1))
        await read(await opened(events, shared=True), 1)
        two = await opened(events, "two", shared=True)
        assert contents(await read(two, 1)) == [event(1)]

    async def test_an_entry_that_vanished_before_it_was_acknowledged_comes_once_more_as_expired(
        self, events: Events, shared: bool
    ) -> None:
        first, second = some_events(2)
        await events.append(first, second)
        log = await opened(events, shared=shared)
        held = await read(log, 2)
        await events.remove(first)
        two = await successor(events, log, shared=shared)
        found = {entry.expired: entry for entry in await read(two, 2)}
        assert (found[True].content, str(found[True].key)) == (None, str(held[0].key))
        assert found[False].content == second
        await two.acknowledge(list(found.values()))
        await two.open()
        assert await nothing_to_read(two)
        assert (await two.measures()).pending == 0
