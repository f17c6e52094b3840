"""What every DeliveryStates promises: each line of the port's docstring."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from qontract.application.ports.dead_letters import DeadLetters
from qontract.application.ports.delivery_states import DeliveryStates
from qontract.application.ports.event_log import Entry, EventLog
from qontract.application.ports.subscriptions import Subscriptions
from qontract.domain.dead_letters import FailedAttempt
from qontract.domain.delivery_outcomes import DeliveryOutcome, EndedDelivery
from qontract.domain.delivery_states import DeliveryState, SubscriptionFilter

LONG, MUCH = 30.0, 1_000_000
NAME = "s"
AT = datetime(2026, 1, 31, 9, 30, 0, 125000, tzinfo=UTC)
FAILED = FailedAttempt(AT, "ValueError: no")
ASKED = SubscriptionFilter(("a.*",), 3)


@dataclass
class Store:
    """The states, the replicas' side, and those who control.

    `keep` keeps the bytes of an event and returns its entry; `log` makes the view of a replica, ordered or shared,
    which asks for `ASKED`. `remove` takes an entry out of the log.
    """

    states: DeliveryStates
    keep: Callable[[bytes], str]
    log: Callable[[str, bool], EventLog]
    remove: Callable[[str], None]
    subscriptions: Subscriptions
    letters: DeadLetters

    def state(self, entry: str) -> DeliveryState:
        return self.states.state(NAME, entry)

    async def opened(self, replica: str = "one", *, shared: bool = False) -> EventLog:
        log = self.log(replica, shared)
        await log.open()
        if not shared:
            assert await log.lead(LONG)
            await log.claim_all()
        return log


async def read(log: EventLog, count: int) -> list[Entry]:
    found: list[Entry] = []
    while len(found) < count and (some := await log.read(count - len(found), MUCH, 0)):
        found += some
    return found


def end(entry: Entry, outcome: DeliveryOutcome = DeliveryOutcome.HANDLED, at: datetime = AT) -> Entry:
    entry.outcome, entry.ended, entry.seconds = outcome, at.timestamp(), 0.25
    return entry


@pytest.mark.anyio
class DeliveryStatesContract:
    """Subclass it, and give the adapter."""

    @pytest.fixture
    @abstractmethod
    def store(self) -> Store:
        """A log in which nothing is kept."""

    async def test_what_a_subscription_asked_for_is_known_once_it_was_run(self, store: Store) -> None:
        entry = store.keep(b"1")
        assert store.state(entry).wanted is None
        await store.opened()
        assert store.state(entry).wanted == ASKED

    async def test_what_is_not_read_yet_has_a_number_of_events_before_it(self, store: Store) -> None:
        entries = [store.keep(b"%d" % number) for number in range(4)]
        log = await store.opened()
        await read(log, 1)
        found = store.state(entries[3])
        assert (found.is_kept, found.is_read, found.unread_before, found.pending) == (True, False, 2, None)

    async def test_what_was_read_is_held_by_a_replica_and_has_before_it_what_is_held_too(self, store: Store) -> None:
        entries = [store.keep(b"%d" % number) for number in range(3)]
        log = await store.opened("two")
        first, second, _ = await read(log, 3)
        first.failures, first.due, first.begun = (FAILED,), AT.timestamp() + 60, AT.timestamp()
        await log.record([first])
        await log.acknowledge([end(second)])
        found = store.state(entries[2])
        assert found.pending
        assert (found.is_read, found.pending.entry, found.pending.replica) == (True, entries[2], "two")
        assert 0 <= found.pending.seconds < LONG
        (ahead,) = found.ahead
        assert (ahead.entry, ahead.failures) == (entries[0], (FAILED,))
        assert (ahead.due, ahead.begun) == (AT + timedelta(seconds=60), AT)

    async def test_of_a_shared_subscription_nothing_is_ahead(self, store: Store) -> None:
        entries = [store.keep(b"%d" % number) for number in range(2)]
        await read(await store.opened(shared=True), 2)
        found = store.state(entries[1])
        assert found.pending
        assert found.ahead == ()

    async def test_how_and_when_it_ended_is_known_after_the_acknowledgement(self, store: Store) -> None:
        entries = [store.keep(b"%d" % number) for number in range(4)]
        log = await store.opened()
        handled, deduplicated, expired, unwanted = await read(log, 4)
        handled.failures = (FAILED,)
        ended = [end(handled), end(deduplicated, DeliveryOutcome.DEDUPLICATED), end(expired, DeliveryOutcome.EXPIRED)]
        await log.acknowledge([*ended, unwanted])
        assert [store.state(entry).ended for entry in entries] == [
            EndedDelivery(DeliveryOutcome.HANDLED, AT, 2, 0.25),
            EndedDelivery(DeliveryOutcome.DEDUPLICATED, AT),
            EndedDelivery(DeliveryOutcome.EXPIRED, AT),
            None,
        ]
        assert all(store.state(entry).pending is None for entry in entries)

    async def test_of_several_outcomes_the_last_handling_counts(self, store: Store) -> None:
        entry = store.keep(b"1")
        log = await store.opened()
        (one,) = await read(log, 1)
        for outcome, seconds in (
            (DeliveryOutcome.HANDLED, 0),
            (DeliveryOutcome.HANDLED, 5),
            (DeliveryOutcome.DEDUPLICATED, 9),
        ):
            await log.acknowledge([end(one, outcome, AT + timedelta(seconds=seconds))])
        found = store.state(entry).ended
        assert found
        if found.time != AT + timedelta(seconds=9):  # where only the last one is kept, it is that
            assert (found.outcome, found.time) == (DeliveryOutcome.HANDLED, AT + timedelta(seconds=5))

    async def test_what_was_removed_is_not_kept_and_what_it_came_to_is_known_all_the_same(self, store: Store) -> None:
        entries = [store.keep(b"%d" % number) for number in range(2)]
        log = await store.opened()
        first, _ = await read(log, 2)
        await log.acknowledge([end(first)])
        for entry in entries:
            store.remove(entry)
        handled, held = map(store.state, entries)
        assert (handled.is_kept, handled.ended and handled.ended.outcome) == (False, DeliveryOutcome.HANDLED)
        assert (held.is_kept, held.ended) == (False, None)

    async def test_a_place_that_was_moved_begins_later_for_what_is_before_it(self, store: Store) -> None:
        entries = [store.keep(b"%d" % number) for number in range(2)]
        log = await store.opened()
        await log.abdicate()
        await log.close()
        store.subscriptions.pause(NAME, "alice")
        assert store.subscriptions.seek(NAME, "end")
        after = store.keep(b"2")
        later = [store.state(entry).later for entry in (*entries, after)]
        assert [one and one.moved for one in later] == [True, True, None]

    async def test_a_place_that_was_made_begins_later_for_what_was_gone_by_then(self, store: Store) -> None:
        entries = [store.keep(b"%d" % number) for number in range(2)]
        store.remove(entries[0])
        await store.opened()
        later = [store.state(entry).later for entry in entries]
        assert [one and one.moved for one in later] == [False, None]

    async def test_what_was_redriven_is_told_of_the_entry_that_it_had_first(self, store: Store) -> None:
        entry = store.keep(b"1")
        log = await store.opened()
        (first,) = await read(log, 1)
        first.failures = (FAILED,)
        await log.dead_letter(first)
        for _ in range(2):  # it dies once more, and is redriven once more
            (letter,) = store.letters.iterate()
            assert store.letters.redrive(letter.id)
            found = store.state(entry)
            assert (found.is_redriven, found.pending) == (True, None)
            (again,) = await read(log, 1)
            held = store.state(entry).pending
            assert held
            assert (held.entry, held.replica) == (str(again.key), "one")
            again.failures = (FAILED, FAILED)
            await log.dead_letter(again)
            assert not store.state(entry).is_redriven
        (letter,) = store.letters.iterate()
        assert store.letters.redrive(letter.id)
        (again,) = await read(log, 1)
        await log.acknowledge([end(again)])
        found = store.state(entry)
        assert (found.is_redriven, found.ended) == (False, EndedDelivery(DeliveryOutcome.HANDLED, AT, 1, 0.25))

    @pytest.mark.parametrize("text", ["", "nothing", "1-", "½-0", "\ud800", "9" * 50, "5 unread after 1-0"])
    async def test_of_what_is_no_entry_nothing_is_known(self, store: Store, text: str) -> None:
        await store.opened()
        assert store.state(text) == DeliveryState(is_kept=False)

    async def test_of_what_is_no_subscription_nothing_is_known_but_that_the_event_is_kept(self, store: Store) -> None:
        entry = store.keep(b"1")
        for name in ("nobody", "ö\n"):
            found = store.states.state(name, entry)
            assert (found.is_read, found.pending, found.ended, found.later) == (False, None, None, None)
