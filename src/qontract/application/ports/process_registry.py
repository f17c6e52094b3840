"""Port: where processes show that they run."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from qontract.domain.processes import Process, ProcessView


class ProcessRegistryError(Exception):
    """The processes could not be read, or it is not certain that one was shown. The message has no secret in it."""


class ProcessRegistry(Protocol):
    """Knows which processes run, or have run within the last day.

    - A process that was shown is at once among `all`, with its latest report. Showing it again replaces the report.
    - A process that was withdrawn has ended at that moment. If a process falls silent, its `seconds` grow. All times
      are by one clock, which is not the clock of the processes.
    - `all` returns the latest first; of very many, only these. After a day of silence, a process is forgotten.
    - A record that cannot be read does not affect the others.
    - It works on a full server too. ProcessRegistryError, and nothing else, is raised, within seconds.
    """

    @abstractmethod
    def show(self, process: Process) -> None:
        """Show that the process runs."""

    @abstractmethod
    def withdraw(self, process: Process) -> None:
        """Show that the process has ended."""

    @abstractmethod
    def all(self) -> Sequence[ProcessView]:
        """Return all processes of the last day."""
