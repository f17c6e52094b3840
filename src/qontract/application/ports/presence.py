"""Port: where processes show that they run."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from qontract.domain.processes import Process, ProcessView


class PresenceError(Exception):
    """It is not certain that it was shown, or it could not be read. The message has no secret in it."""


class Presence(Protocol):
    """Knows which processes run, and which have run in the last day.

    - Who is shown is seen at once, by everybody, with what was last said; shown again, it is still one.
    - Who has withdrawn has ended at that moment. Who only falls silent is seen with a time that grows. All times are of
      one clock, which is not that of the processes.
    - `seen` has the latest first, and of very many only these. What was seen a day ago is forgotten.
    - A record that cannot be read takes nothing from the others.
    - Also a server that has no room takes it. PresenceError, and nothing else, is raised, within seconds.
    """

    @abstractmethod
    def show(self, process: Process) -> None:
        """Show that the process runs."""

    @abstractmethod
    def withdraw(self, process: Process) -> None:
        """Show that the process has ended."""

    @abstractmethod
    def all(self) -> Sequence[ProcessView]:
        """Return who was seen."""
