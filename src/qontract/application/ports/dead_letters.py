"""Port: where the events are that a subscription gave up."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Protocol

from qontract.domain.dead_letters import DeadLetter


class DeadLettersError(Exception):
    """The dead letters could not be reached. The message has no secret in it.

    `of_letter`: only the change of this letter was refused, and that of another one may well be done.
    """

    def __init__(self, message: str, *, of_letter: bool = False) -> None:
        super().__init__(message)
        self.of_letter = of_letter


class DeadLetters(Protocol):
    """The dead letters of all subscriptions.

    - Bytes stay as they came, whatever they are.
    - What cannot be read whole is a letter too, and says so: `unreadable`. It can be discarded, and is not redriven.
    - `iterate` yields the letters in the order in which they died, and holds few at a time. Those that die after it
      began are not among them: redriving each one ends, though all die again.
    - `redrive` moves the event, in one atomic step, to the subscription that failed and to no other; its attempts begin
      anew there.
    - `redrive` and `discard` say whether they did it. Doing it twice does it once, from wherever.
    - Any text may be an id; a letter that is not there is None, and False.
    - DeadLettersError, and nothing else, is raised. The letter is then as it was, unless only the answer was lost; it
      is safe to try again.
    """

    @abstractmethod
    def iterate(self) -> Iterator[DeadLetter]:
        """Yield all letters."""

    @abstractmethod
    def get(self, letter_id: str) -> DeadLetter | None:
        """Return the letter."""

    @abstractmethod
    def redrive(self, letter_id: str) -> bool:
        """Give the event back to its subscription."""

    @abstractmethod
    def discard(self, letter_id: str) -> bool:
        """Remove the letter for good."""
