"""Port: the store of dead letters."""

from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from qontract.domain.dead_letters import ChangedLetter, DeadLetter, Discarded, Redriven


class DeadLettersError(Exception):
    """The dead letters could not be reached. The message has no secret in it.

    `of_letter`: only the change of this letter was refused; changes of other letters may succeed.
    """

    def __init__(self, message: str, *, of_letter: bool = False) -> None:
        super().__init__(message)
        self.of_letter = of_letter


class SubscriptionGoneError(DeadLettersError):
    """The change was refused: the letter's subscription is gone, and nobody would ever read the event."""

    def __init__(self, subscription: str) -> None:
        super().__init__(f"its subscription {subscription} is gone: run it, or discard what it gave up", of_letter=True)
        self.subscription = subscription


@dataclass(frozen=True)
class ChangedBy:
    """Who changes a letter; in which `run`, if a group is redriven; and in which `batch` of changes.

    The changes of a batch are published together in events. Without a batch the change is not recorded for an event.
    """

    who: str = ""
    run: str = ""
    batch: str = ""


NOBODY = ChangedBy()


class DeadLetters(Protocol):
    """The dead letters of all subscriptions.

    - Bytes stay as they came, whatever they are.
    - A record that cannot be read whole is a letter too: `unreadable` says why. It can be discarded, and is never
      redriven.
    - `iterate` yields the letters in the order in which they died, and holds few in memory. It yields only those after
      the letter `after`, and no later than the letter `until`, whether these two still exist or not. Letters that die
      after it has begun are left out: redriving each letter ends, even if all die again. `newest` is the id of the
      letter that died last; "" if there is none.
    - `redrive` moves the event, in one atomic step, to the subscription that failed and to no other. Its attempts begin
      from zero. If it dies again, the new letter has the first `entry`, and says that it was `redriven`.
      SubscriptionGoneError is raised if the subscription has no place in the log, and no replica runs it.
    - `redriven` returns when the event of an entry was last redriven for a subscription, and by whom; None if it was
      not. This is known for as long as the event is kept. `discarded` is the same for discarded letters.
    - `redrive` and `discard` return whether they did it. If it is done twice, or in two places at once, one of them did
      it.
    - If the change has a `batch`, the same step records the change. `changes` has the oldest records, up to some
      hundreds, until `forget` removes them. Unreadable records are left out.
    - Any text may be an id. For a letter that does not exist, the answer is None or False.
    - DeadLettersError, and nothing else, is raised. The letter is then unchanged, unless only the answer was lost. It
      is safe to try again.
    """

    @abstractmethod
    def iterate(self, *, after: str = "", until: str = "") -> Iterator[DeadLetter]:
        """Yield the letters."""

    @abstractmethod
    def newest(self) -> str:
        """Return the id of the letter that died last."""

    @abstractmethod
    def get(self, letter_id: str) -> DeadLetter | None:
        """Return the letter."""

    @abstractmethod
    def redrive(self, letter_id: str, by: ChangedBy = NOBODY) -> bool:
        """Move the event back to its subscription."""

    @abstractmethod
    def discard(self, letter_id: str, by: ChangedBy = NOBODY) -> bool:
        """Remove the letter for good."""

    @abstractmethod
    def redriven(self, subscription: str, entry: str) -> Redriven | None:
        """Return when an event was last redriven, and by whom."""

    @abstractmethod
    def discarded(self, subscription: str, entry: str) -> Discarded | None:
        """Return when a letter of an event was last discarded, by whom, and why the event was dead."""

    @abstractmethod
    def changes(self) -> Sequence[ChangedLetter]:
        """Return the records of changes whose events may not be published yet."""

    @abstractmethod
    def forget(self, changes: Collection[ChangedLetter]) -> None:
        """Remove the records of these changes: their events are published."""
