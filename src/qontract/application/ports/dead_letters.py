"""Port: where the events are that a subscription gave up."""

from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from qontract.domain.dead_letters import ChangedLetter, DeadLetter, Discarded, Redriven


class DeadLettersError(Exception):
    """The dead letters could not be reached. The message has no secret in it.

    `of_letter`: only the change of this letter was refused, and that of another one may well be done.
    """

    def __init__(self, message: str, *, of_letter: bool = False) -> None:
        super().__init__(message)
        self.of_letter = of_letter


class SubscriptionGoneError(DeadLettersError):
    """Refused, and nothing was done: the letter's subscription is gone, and nobody would ever read the event."""

    def __init__(self, subscription: str) -> None:
        super().__init__(f"its subscription {subscription} is gone: run it, or discard what it gave up", of_letter=True)
        self.subscription = subscription


@dataclass(frozen=True)
class ChangedBy:
    """Who changes a letter; in which `run`, if it is one of a group; and as part of what, which an event is to tell.

    `batch` names all the changes of which the event tells. Without it nothing is kept for an event.
    """

    who: str = ""
    run: str = ""
    batch: str = ""


NOBODY = ChangedBy()


class DeadLetters(Protocol):
    """The dead letters of all subscriptions.

    - Bytes stay as they came, whatever they are.
    - What cannot be read whole is a letter too, and says so: `unreadable`. It can be discarded, and is not redriven.
    - `iterate` yields the letters in the order in which they died, and holds few at a time; only those that died after
      the letter `after`, and no later than the letter `until`, whether these are still there or not. Those that die
      after it began are not among them: redriving each one ends, though all die again. `newest` is the id of the one
      that died last, "" if there is none.
    - `redrive` moves the event, in one atomic step, to the subscription that failed and to no other; its attempts begin
      anew there. If it dies again, the letter knows where it was at first (`entry`), and that it was redriven. It
      raises SubscriptionGoneError if that subscription has no place in the log, and no replica runs it.
    - `redriven` says when an event was last redriven for a subscription, and by whom, by the event's entry: for as long
      as the event is kept; None if it was not. `discarded` says the same of the last of its letters that was discarded.
    - `redrive` and `discard` say whether they did it. Doing it twice does it once, from wherever.
    - In the same step they keep a record of the change for an event, if it has a `batch`: `changes` has the oldest of
      these records, up to some hundreds, until they are forgotten with `forget`. What cannot be read is not among them.
    - Any text may be an id; a letter that is not there is None, and False.
    - DeadLettersError, and nothing else, is raised. The letter is then as it was, unless only the answer was lost; it
      is safe to try again.
    """

    @abstractmethod
    def iterate(self, *, after: str = "", until: str = "") -> Iterator[DeadLetter]:
        """Yield the letters."""

    @abstractmethod
    def newest(self) -> str:
        """Return the id of the last letter."""

    @abstractmethod
    def get(self, letter_id: str) -> DeadLetter | None:
        """Return the letter."""

    @abstractmethod
    def redrive(self, letter_id: str, by: ChangedBy = NOBODY) -> bool:
        """Give the event back to its subscription."""

    @abstractmethod
    def discard(self, letter_id: str, by: ChangedBy = NOBODY) -> bool:
        """Remove the letter for good."""

    @abstractmethod
    def redriven(self, subscription: str, entry: str) -> Redriven | None:
        """Say when an event was redriven, and by whom."""

    @abstractmethod
    def discarded(self, subscription: str, entry: str) -> Discarded | None:
        """Say when the letter of an event was discarded, by whom, and why it was one."""

    @abstractmethod
    def changes(self) -> Sequence[ChangedLetter]:
        """Return what was changed, of which no event is published yet, as far as is known."""

    @abstractmethod
    def forget(self, changes: Collection[ChangedLetter]) -> None:
        """Forget these changes: their event is published."""
