"""In memory: dead letters in a dict."""

from collections import defaultdict
from collections.abc import Iterator

from qontract.application.ports.dead_letters import DeadLetters
from qontract.domain.dead_letters import DeadLetter


class InMemoryDeadLetters(DeadLetters):
    """Keeps the letters in `letters`, by id, and what was redriven in `redriven`, by subscription."""

    def __init__(self, *letters: DeadLetter) -> None:
        self.letters = {letter.id: letter for letter in letters}
        self.redriven: defaultdict[str, list[bytes]] = defaultdict(list)

    def iterate(self) -> Iterator[DeadLetter]:
        """Yield the letters that are there now."""
        return iter(tuple(self.letters.values()))

    def get(self, letter_id: str) -> DeadLetter | None:
        """Return the letter."""
        return self.letters.get(letter_id)

    def redrive(self, letter_id: str) -> bool:
        """Move the event to the list of its subscription."""
        letter = self.letters.pop(letter_id, None)
        if letter:
            self.redriven[letter.subscription].append(letter.data)
        return letter is not None

    def discard(self, letter_id: str) -> bool:
        """Remove the letter."""
        return self.letters.pop(letter_id, None) is not None
