"""What every DeadLetters promises: each line of the port's docstring."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

import pytest

from qontract.application.ports.dead_letters import DeadLetters
from qontract.domain.causes import Cause
from qontract.domain.dead_letters import FailedAttempt

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


@dataclass
class Store:
    """The dead letters, and the subscriber's side: `bury` gives a letter's id; `redriven` is by subscription."""

    dead_letters: DeadLetters
    bury: Callable[[str, bytes, Failures, str], str]
    redriven: Callable[[], Mapping[str, Sequence[bytes]]]

    def die(self, subscription: str, data: bytes = EVENT) -> str:
        return self.bury(subscription, data, FAILURES, "1-1")

    def ids(self) -> list[str]:
        return [letter.id for letter in self.dead_letters.iterate()]


class DeadLettersContract:
    """Subclass it, and give the adapter."""

    @pytest.fixture
    @abstractmethod
    def store(self) -> Store:
        """An empty store."""

    def test_a_letter_has_the_event_the_subscription_and_the_time_and_error_of_every_attempt(
        self, store: Store
    ) -> None:
        id_ = store.bury("audit-log", EVENT, FAILURES, "1769851800123-4")
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
