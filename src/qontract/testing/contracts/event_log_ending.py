"""The contract of EventLog for entries that were read: how they are recorded and ended."""

from datetime import UTC, datetime

from qontract.application.ports.dead_letters import ChangedBy
from qontract.domain.dead_letters import FailedAttempt
from qontract.domain.failure_causes import Cause
from qontract.testing.contracts.event_log_events import (
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

CAUSE = Cause("ValueError", "acme.crm.Crm.handle:31")
FAILURES = (
    FailedAttempt(datetime(2026, 1, 31, 9, 30, 0, 123456, tzinfo=UTC), "TimeoutError: not done after 60 s"),
    FailedAttempt(datetime(2026, 1, 31, 9, 30, 2, tzinfo=UTC), "ValueError: Grüße\x1b[2J\nand more", CAUSE),
)


class EndingContract:
    """A part of EventLogContract."""

    async def test_acknowledge_ends_entries_in_any_order_and_repeating_it_changes_nothing(
        self, events: Events, shared: bool
    ) -> None:
        kept = some_events(5)
        await events.append(*kept)
        log = await opened(events, shared=shared)
        held = await read(log, 5)
        for some in ([held[3]], [held[1], held[0]], [held[3], held[0]], []):
            await log.acknowledge(some)
        assert (await log.measures()).pending == 2
        two = await successor(events, log, shared=shared)
        assert contents(await read(two, 2)) == [kept[2], kept[4]]
        assert await nothing_to_read(two)

    async def test_content_of_has_the_bytes_again_and_none_if_they_are_gone(self, events: Events, shared: bool) -> None:
        first, second = some_events(2)
        await events.append(first, second)
        log = await opened(events, shared=shared)
        held = await read(log, 2)
        for entry in held:
            entry.content = None
        await events.remove(second)
        assert [await log.content_of(entry) for entry in held] == [first, None]

    async def test_record_keeps_failures_due_and_begun_so_that_every_replica_that_reads_the_entry_knows_them(
        self, events: Events, shared: bool
    ) -> None:
        await events.append(*some_events(2))
        log = await opened(events, shared=shared)
        entry, other = await read(log, 2)
        entry.failures, entry.due, entry.begun = FAILURES[:1], 1.0, 2.0
        await log.record([entry])
        entry.failures, entry.due, entry.begun = FAILURES, 1769851800.125, 1769851801.5
        await log.record([entry])
        assert (entry.recorded, other.recorded) == (True, False)
        known, unknown = await read(await successor(events, log, shared=shared), 2)
        assert (known.failures, known.due, known.begun) == (FAILURES, 1769851800.125, 1769851801.5)
        assert (unknown.failures, unknown.due, unknown.begun) == ((), 0, 0)
        assert (known.recorded, unknown.recorded) == (True, False)

    async def test_a_record_ends_with_the_entry(self, events: Events, shared: bool) -> None:
        await events.append(event(1))
        log = await opened(events, shared=shared)
        held = await read(log, 1)
        held[0].failures = FAILURES
        await log.record(held)
        await log.acknowledge(held)
        await events.lose("audit-log")
        await log.open()
        assert not any(entry.recorded or entry.failures for entry in await log.read(1, MUCH, 0.05))

    async def test_a_record_is_of_one_subscription(self, events: Events, shared: bool) -> None:
        one, two = [await opened(events, shared=shared, subscription=name) for name in ("one", "two")]
        await events.append(event(1))
        [entry] = await read(one, 1)
        entry.failures = FAILURES
        await one.record([entry])
        [other] = await read(two, 1)
        assert (other.failures, other.recorded) == ((), False)

    async def test_dead_letter_makes_a_letter_with_the_bytes_and_the_failures_and_the_entry_is_done(
        self, events: Events, shared: bool
    ) -> None:
        odd = b"\xff\x00no event\r\n"
        await events.append(odd, event(2))
        log = await opened(events, shared=shared)
        entry, _ = await read(log, 2)
        entry.failures = FAILURES
        await log.record([entry])
        await log.dead_letter(entry)
        [letter] = events.dead_letters.iterate()
        assert (letter.subscription, letter.data, letter.failures) == ("audit-log", odd, FAILURES)
        assert letter.entry == str(entry.key)
        assert contents(await read(await successor(events, log, shared=shared), 1)) == [event(2)]

    async def test_repeating_it_may_make_a_second_letter_and_never_none(self, events: Events, shared: bool) -> None:
        await events.append(event(1))
        log = await opened(events, shared=shared)
        [entry] = await read(log, 1)
        await log.dead_letter(entry)
        await log.dead_letter(entry)
        assert {letter.data for letter in events.dead_letters.iterate()} == {event(1)}
        assert (await log.measures()).pending == 0

    async def test_a_dead_letter_has_the_bytes_also_if_the_entry_was_evicted(
        self, events: Events, shared: bool
    ) -> None:
        await events.append(event(1))
        log = await opened(events, shared=shared)
        [entry] = await read(log, 1)
        entry.content = None
        await log.dead_letter(entry)
        assert [letter.data for letter in events.dead_letters.iterate()] == [event(1)]

    async def test_dead_letter_works_for_an_entry_that_vanished_with_the_bytes_at_hand(
        self, events: Events, shared: bool
    ) -> None:
        await events.append(event(1))
        log = await opened(events, shared=shared)
        [entry] = await read(log, 1)
        await events.remove(event(1))
        await log.dead_letter(entry)
        assert [letter.data for letter in events.dead_letters.iterate()] == [event(1)]
        assert (await log.measures()).pending == 0
        assert await nothing_to_read(await successor(events, log, shared=shared))

    async def test_what_is_redriven_is_read_by_the_subscription_that_failed_alone_and_its_attempts_begin_anew(
        self, events: Events, shared: bool
    ) -> None:
        one, two = [await opened(events, shared=shared, subscription=name) for name in ("one", "two")]
        await events.append(event(1))
        [entry], [other] = await read(one, 1), await read(two, 1)
        await two.acknowledge([other])
        entry.failures, entry.due = FAILURES, 1.0
        await one.record([entry])
        await one.dead_letter(entry)
        [letter] = events.dead_letters.iterate()
        assert events.dead_letters.redrive(letter.id)
        [again] = await read(one, 1)
        assert (again.content, again.failures, again.due, again.recorded) == (event(1), (), 0, False)
        assert await one.content_of(again) == event(1)
        assert await nothing_to_read(one)
        assert await nothing_to_read(two)
        await one.acknowledge([again])
        await one.open()
        assert await nothing_to_read(one)

    async def test_what_is_redriven_and_dies_again_knows_where_it_was_at_first_and_that_it_was_redriven(
        self, events: Events, shared: bool
    ) -> None:
        await events.append(event(0), event(1))
        log = await opened(events, shared=shared)
        _, entry = await read(log, 2)
        await log.dead_letter(entry)
        first, subscription = str(entry.key), "audit-log"
        for run in ("first", "second"):
            [letter] = events.dead_letters.iterate()
            assert letter.entry == first
            assert events.dead_letters.redrive(letter.id, ChangedBy("alice", run))
            [again] = await read(log, 1)
            await log.dead_letter(again)
            [letter] = events.dead_letters.iterate()
            assert letter.redriven
            assert (letter.redriven.by, letter.redriven.run) == ("alice", run)
            assert letter.redriven == events.dead_letters.redriven(subscription, first)
        assert await nothing_to_read(log)

    async def test_what_is_redriven_is_not_lost_with_a_replica(self, events: Events, shared: bool) -> None:
        await events.append(event(1))
        log = await opened(events, shared=shared)
        [entry] = await read(log, 1)
        await log.dead_letter(entry)
        [letter] = events.dead_letters.iterate()
        events.dead_letters.redrive(letter.id)
        [again] = await read(log, 1)
        again.failures = FAILURES
        await log.record([again])
        [claimed] = await read(await successor(events, log, shared=shared), 1)
        assert (claimed.content, claimed.failures, claimed.redelivered) == (event(1), FAILURES, True)
