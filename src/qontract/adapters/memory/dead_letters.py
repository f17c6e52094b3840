"""In memory: the dead letters among the kept events."""

from collections.abc import Iterator, Mapping, Sequence

from qontract.adapters.memory import faults
from qontract.adapters.memory.events import InMemoryEvents
from qontract.application.ports.dead_letters import DeadLetters
from qontract.domain.dead_letters import DeadLetter


class InMemoryDeadLetters(DeadLetters):
    """Shows the dead letters of `events`, to which it adds those given, and redrives them there."""

    fail = faults.fail

    def __init__(self, *letters: DeadLetter, events: InMemoryEvents | None = None) -> None:
        self._events = events or InMemoryEvents()
        self._events.letters |= {letter.id: letter for letter in letters}

    @property
    def redriven(self) -> Mapping[str, Sequence[bytes]]:
        """What was redriven, by subscription, and is not acknowledged."""
        return self._events.redriven()

    def iterate(self) -> Iterator[DeadLetter]:
        """Yield the letters that are there now."""
        return iter(tuple(self._events.letters.values()))

    def get(self, letter_id: str) -> DeadLetter | None:
        """Return the letter."""
        return self._events.letters.get(letter_id)

    def redrive(self, letter_id: str) -> bool:
        """Move the event to what its subscription reads next."""
        return self._events.redrive(letter_id)

    def discard(self, letter_id: str) -> bool:
        """Remove the letter."""
        return self._events.letters.pop(letter_id, None) is not None
