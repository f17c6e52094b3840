"""The contract of DeadLetters: each line of the port's docstring is tested."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from qontract.application.ports.dead_letters import ChangedBy, DeadLetters, SubscriptionGoneError
from qontract.domain.dead_letters import FailedAttempt
from qontract.domain.failure_causes import Cause

Failures = Sequence[FailedAttempt]
CAUSE = Cause("ValueError", "acme.crm.Crm.handle:31")
FAILURES = (
    FailedAttempt(datetime(2026, 1, 31, 9, 30, 0, 123456, tzinfo=UTC), "TimeoutError: not done after 60 s"),
    FailedAttempt(datetime(2026, 1, 31, 9, 30, 2, tzinfo=UTC), "ValueError: Grüße\x1b[2J\nand more", CAUSE),
)
EVENT = b'{"specversion": "1.0", "id": "1", "type": "a.b", "source": "/x", "subject": "coreos/team-a", "data": {}}'
NO_IDS = [
    "",
    "x",
    "7",
    "-",
    "+",
    "$",
    "*",
    "(1-1",
    "1-1",
    "1-",
    "-1",
    " 1-1",
    "1-1\n",
    "٣-٣",
    "9" * 99 + "-1",
    "\ud800",
]
A_FEW_PAGES = 250
BY = ChangedBy("alice@sre", "run", "batch")
CLOCKS_DIFFER = timedelta(seconds=5)


@dataclass
class Store:
    """The adapter, and what a subscriber does beside it.

    `dead_letter` makes a letter, and its subscription if it is missing, and returns the id of the letter. `redriven`
    returns the redriven events by subscription. `lose` removes a subscription. `trim` removes all events up to an
    entry.
    """

    dead_letters: DeadLetters
    dead_letter: Callable[[str, bytes, Failures, str], str]
    redriven: Callable[[], Mapping[str, Sequence[bytes]]]
    lose: Callable[[str], None]
    trim: Callable[[str], None]

    def die(self, subscription: str, data: bytes = EVENT) -> str:
        return self.dead_letter(subscription, data, FAILURES, "1-1")

    def ids(self) -> list[str]:
        return [letter.id for letter in self.dead_letters.iterate()]


class DeadLettersContract:
    """Subclass it, and give the fixture `store`."""

    @pytest.fixture
    @abstractmethod
    def store(self) -> Store:
        """An empty store."""

    def test_a_letter_has_the_event_the_subscription_and_the_time_and_error_of_every_attempt(
        self, store: Store
    ) -> None:
        id_ = store.dead_letter("audit-log", EVENT, FAILURES, "1769851800123-4")
        letter = store.dead_letters.get(id_)
        assert letter
        assert (letter.id, letter.subscription, letter.data) == (id_, "audit-log", EVENT)
        assert (letter.failures, letter.entry) == (FAILURES, "1769851800123-4")
        assert list(store.dead_letters.iterate()) == [letter]

    def test_all_letters_come_in_the_order_in_which_they_died(self, store: Store) -> None:
        died = [store.die("s", b"%d" % number) for number in range(A_FEW_PAGES)]
        assert store.ids() == died
        assert [letter.data for letter in store.dead_letters.iterate()] == [b"%d" % n for n in range(A_FEW_PAGES)]

    def test_without_letters_there_is_nothing_to_iterate(self, store: Store) -> None:
        assert store.ids() == []

    @pytest.mark.parametrize("data", [b"", b"\xff\x00\r\n\x89BIN", b'{"big": "' + b"x" * 1_000_000 + b'"}'])
    def test_bytes_stay_as_they_came_also_when_redriven(self, store: Store, data: bytes) -> None:
        id_ = store.die("s", data)
        letter = store.dead_letters.get(id_)
        assert letter
        assert letter.data == data
        assert store.dead_letters.redrive(id_)
        assert store.redriven() == {"s": [data]}

    def test_a_redrive_reaches_only_the_subscription_that_failed(self, store: Store) -> None:
        store.die("one", b"1")
        second = store.die("two", b"2")
        assert store.dead_letters.redrive(second)
        assert store.redriven() == {"two": [b"2"]}

    def test_redriving_removes_the_letter_and_leaves_the_others(self, store: Store) -> None:
        first, second, third = (store.die("s") for _ in range(3))
        assert store.dead_letters.redrive(second)
        assert store.dead_letters.get(second) is None
        assert store.ids() == [first, third]

    def test_redriving_twice_does_it_once(self, store: Store) -> None:
        id_ = store.die("s")
        assert [store.dead_letters.redrive(id_) for _ in range(2)] == [True, False]
        assert store.redriven() == {"s": [EVENT]}

    def test_redriving_from_several_places_at_once_does_it_once(self, store: Store) -> None:
        died = [store.die("s", b"%d" % number) for number in range(50)]
        with ThreadPoolExecutor(4) as threads:
            did = list(threads.map(store.dead_letters.redrive, died * 4))
        assert did.count(True) == 50
        assert sorted(store.redriven()["s"], key=int) == [b"%d" % number for number in range(50)]

    def test_a_letter_of_a_subscription_that_is_gone_is_never_redriven_and_can_be_discarded(self, store: Store) -> None:
        id_, other = store.die("gone"), store.die("s")
        store.lose("gone")
        with pytest.raises(SubscriptionGoneError, match="subscription gone is gone: run it, or discard") as raised:
            store.dead_letters.redrive(id_, BY)
        assert raised.value.of_letter
        assert raised.value.subscription == "gone"
        assert store.ids() == [id_, other]
        assert store.redriven() == {}
        assert store.dead_letters.changes() == []
        assert store.dead_letters.redrive(other)
        assert store.dead_letters.discard(id_)

    def test_it_is_known_when_an_event_was_last_redriven_and_by_whom_while_it_is_kept(self, store: Store) -> None:
        before = datetime.now(UTC) - CLOCKS_DIFFER
        for who in ("alice", "bob@ops-1"):
            store.dead_letters.redrive(store.dead_letter("s", EVENT, FAILURES, "7-0"), ChangedBy(who, "a run"))
        store.dead_letters.redrive(store.dead_letter("s", EVENT, FAILURES, "10-0"), ChangedBy("carol"))
        found = store.dead_letters.redriven("s", "7-0")
        assert found
        assert (found.by, found.run) == ("bob@ops-1", "a run")
        assert before <= found.time <= datetime.now(UTC) + CLOCKS_DIFFER
        assert [store.dead_letters.redriven(*none) for none in (("s", "8-0"), ("s", "x"), ("t", "7-0"), ("", ""))] == [
            None
        ] * 4
        store.trim("7-0")
        assert store.dead_letters.redriven("s", "7-0") is None
        later = store.dead_letters.redriven("s", "10-0")
        assert later
        assert later.by == "carol"

    def test_it_is_known_when_a_letter_was_last_discarded_by_whom_and_what_it_said_while_its_event_is_kept(
        self, store: Store
    ) -> None:
        before = datetime.now(UTC) - CLOCKS_DIFFER
        for who in ("alice", "bob@ops-1"):
            store.dead_letters.discard(store.dead_letter("s", EVENT, FAILURES, "7-0"), ChangedBy(who))
        found = store.dead_letters.discarded("s", "7-0")
        assert found
        assert (found.by, found.attempts, found.failed) == ("bob@ops-1", 2, FAILURES[1].time)
        assert found.error.startswith("ValueError: Grüße")
        assert before <= found.time <= datetime.now(UTC) + CLOCKS_DIFFER
        assert store.dead_letters.redriven("s", "7-0") is None
        assert [store.dead_letters.discarded(*none) for none in (("s", "8-0"), ("s", "x"), ("t", "7-0"), ("", ""))] == [
            None
        ] * 4
        store.dead_letters.redrive(store.dead_letter("s", EVENT, FAILURES, "7-0"), ChangedBy("carol"))
        assert store.dead_letters.discarded("s", "7-0") == found
        store.trim("7-0")
        assert store.dead_letters.discarded("s", "7-0") is None

    def test_a_change_is_on_record_for_an_event_until_it_is_forgotten(self, store: Store) -> None:
        first, second, third = (store.dead_letter("s", EVENT, FAILURES, "7-0") for _ in range(3))
        letter = store.dead_letters.get(first)
        assert letter
        store.dead_letters.redrive(first, ChangedBy("alice", "run", "b1"))
        store.dead_letters.discard(second, ChangedBy("bob", batch="b2"))
        store.dead_letters.redrive(third, ChangedBy("carol"))
        assert not store.dead_letters.redrive(first, ChangedBy("again", "run", "b3"))
        assert not store.dead_letters.discard(second, ChangedBy("again", batch="b3"))
        redriven, discarded = store.dead_letters.changes()
        assert (redriven.what, redriven.batch, redriven.letter, redriven.by) == ("redriven", "b1", first, "alice")
        assert (discarded.what, discarded.batch, discarded.letter, discarded.by) == ("discarded", "b2", second, "bob")
        assert (redriven.subscription, redriven.entry, redriven.event_id) == ("s", "7-0", "1")
        assert (redriven.group, redriven.cause) == (letter.group, str(CAUSE))
        assert redriven.time.tzinfo
        store.dead_letters.forget([redriven])
        assert store.dead_letters.changes() == [discarded]
        store.dead_letters.forget([])
        store.dead_letters.forget([redriven, discarded])
        assert store.dead_letters.changes() == []

    def test_iterating_can_begin_after_a_letter_and_end_with_one_whether_they_are_there_or_not(
        self, store: Store
    ) -> None:
        assert store.dead_letters.newest() == ""
        died = [store.die("s") for _ in range(5)]
        assert store.dead_letters.newest() == died[-1]

        def ids(**bounds: str) -> list[str]:
            return [letter.id for letter in store.dead_letters.iterate(**bounds)]

        for _ in range(2):
            assert ids(after=died[1]) == died[2:]
            assert ids(until=died[2])[-1] == died[2]
            assert ids(after=died[0], until=died[3])[-1] == died[3]
            store.dead_letters.discard(died[1])
        store.dead_letters.discard(died[4])
        assert ids(until=died[4]) == [died[0], *died[2:4]]
        assert ids(after=died[4]) == []

    def test_discarding_removes_that_letter_once_and_redrives_nothing(self, store: Store) -> None:
        first, second = store.die("s"), store.die("s")
        assert [store.dead_letters.discard(first) for _ in range(2)] == [True, False]
        assert store.ids() == [second]
        assert not store.dead_letters.redrive(first)
        assert store.redriven() == {}

    @pytest.mark.parametrize("id_", NO_IDS)
    def test_any_text_may_be_an_id_and_is_of_no_letter(self, store: Store, id_: str) -> None:
        died = store.die("s")
        assert store.dead_letters.get(id_) is None
        assert not store.dead_letters.redrive(id_)
        assert not store.dead_letters.discard(id_)
        assert store.ids() == [died]

    def test_redriving_each_one_ends_though_all_die_again(self, store: Store) -> None:
        died = [store.die("s") for _ in range(A_FEW_PAGES)]
        redriven = []
        for letter in islice(store.dead_letters.iterate(), 2 * A_FEW_PAGES):
            assert store.dead_letters.redrive(letter.id)
            redriven.append(letter.id)
            store.die("s")
        assert redriven == died
        assert len(store.ids()) == A_FEW_PAGES
