"""The dead letters in memory."""

import pytest

from qontract.adapters.memory import InMemoryDeadLetters, InMemoryEventStore
from qontract.adapters.memory.event_store import SubscriptionCursor
from qontract.domain.dead_letters import DeadLetter
from qontract.testing.contracts.dead_letters import DeadLettersContract, Failures, Store


class TestInMemoryDeadLetters(DeadLettersContract):
    @pytest.fixture
    def store(self) -> Store:
        events = InMemoryEventStore()
        dead_letters = InMemoryDeadLetters(events=events)

        def dead_letter(subscription: str, data: bytes, failures: Failures, entry: str) -> str:
            events.of(subscription).place = events.of(subscription).place or SubscriptionCursor()
            return events.add_letter(subscription, data, tuple(failures), entry)

        def trim(entry: str) -> None:
            number = int(entry.partition("-")[0])
            for mark in list(events.marks):
                if int(mark[1].partition("-")[0]) <= number:
                    events.remove(mark[1])

        return Store(dead_letters, dead_letter, lambda: dead_letters.waiting, events.lose, trim)


def test_it_starts_with_the_letters_that_it_is_given() -> None:
    letter = DeadLetter("1", "s", b"", (), "1-1")
    assert list(InMemoryDeadLetters(letter).iterate()) == [letter]
