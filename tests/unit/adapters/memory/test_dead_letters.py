"""The dead letters in memory."""

import pytest

from qontract.adapters.memory import InMemoryDeadLetters, InMemoryEvents
from qontract.domain.dead_letters import DeadLetter
from qontract.testing.contracts.dead_letters import DeadLettersContract, Failures, Store


class TestInMemoryDeadLetters(DeadLettersContract):
    @pytest.fixture
    def store(self) -> Store:
        events = InMemoryEvents()
        dead_letters = InMemoryDeadLetters(events=events)

        def bury(subscription: str, data: bytes, failures: Failures, entry: str) -> str:
            return events.add_letter(subscription, data, tuple(failures), entry)

        return Store(dead_letters, bury, lambda: dead_letters.redriven)


def test_it_starts_with_the_letters_that_it_is_given() -> None:
    letter = DeadLetter("1", "s", b"", (), "1-1")
    assert list(InMemoryDeadLetters(letter).iterate()) == [letter]
