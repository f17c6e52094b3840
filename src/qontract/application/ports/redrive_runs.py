"""Port: which groups of dead letters are being redriven, and what becomes of their events."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol

from qontract.domain.dead_letters import FailedAttempt


@dataclass(frozen=True)
class Run:
    """The redriving of a group, from its begin to its end, whoever goes on with it.

    `newest`: letters that died after this one are not part of it. `position` means something to the adapter alone.
    """

    id: str
    group: str
    subscription: str
    newest: str
    by: str
    position: str = ""


@dataclass(frozen=True)
class Unacknowledged:
    """How many events of a run are not acknowledged, and the last failures of those of them that have failed again."""

    waiting: int
    failures: tuple[FailedAttempt, ...] = ()


class RedriveRuns(Protocol):
    """The runs that have begun and have not ended. They outlive who began them.

    - `begin` puts a run on record, up to the letter that is the newest now; or returns the one that has begun and has
      not ended, whoever began it.
    - `unacknowledged` looks at the events of a run that were redriven (`ChangedBy.run`) and are not acknowledged yet.
    - `end` ends a run; repeating it changes nothing, and it ends no later run of that group.
    - DeadLettersError, and nothing else, is raised.
    """

    @abstractmethod
    def begin(self, group: str, subscription: str, by: str) -> Run:
        """Begin a run, or go on with the one that there is."""

    @abstractmethod
    def unacknowledged(self, run: Run) -> Unacknowledged:
        """Look at what was redriven in the run and is not acknowledged."""

    @abstractmethod
    def end(self, run: Run) -> None:
        """End the run."""
