"""Port: the runs in which groups of dead letters are redriven, and the results of their events."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol

from qontract.domain.dead_letters import FailedAttempt


@dataclass(frozen=True)
class Run:
    """One redrive of a group. Several processes may work on it, one after the other.

    Letters that died after the letter `newest` are not part of it. `position` has a meaning for the adapter only.
    """

    id: str
    group: str
    subscription: str
    newest: str
    by: str
    position: str = ""


@dataclass(frozen=True)
class Unacknowledged:
    """The events of a run that are not acknowledged: how many, and the last failure of each that failed again."""

    waiting: int
    failures: tuple[FailedAttempt, ...] = ()


class RedriveRuns(Protocol):
    """The runs that have not ended. They outlive the process that began them.

    - `begin` records a new run of the group, up to the newest letter; or returns the run that has not ended.
    - `unacknowledged` is about the events that were redriven in this run (`ChangedBy.run`), and are not acknowledged.
    - `end` ends a run. Repeating it changes nothing; in particular, it does not end a later run of the group.
    - DeadLettersError, and nothing else, is raised.
    """

    @abstractmethod
    def begin(self, group: str, subscription: str, by: str) -> Run:
        """Begin a run, or return the one that has not ended."""

    @abstractmethod
    def unacknowledged(self, run: Run) -> Unacknowledged:
        """Return the events of the run that are not acknowledged."""

    @abstractmethod
    def end(self, run: Run) -> None:
        """End the run."""
