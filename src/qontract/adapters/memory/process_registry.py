"""In memory: the running processes."""

import time
from collections.abc import Callable, Sequence

from qontract.adapters.memory import faults
from qontract.application.ports.process_registry import ProcessRegistry
from qontract.domain.processes import Process, ProcessView

_DAY = 86_400.0


class InMemoryProcessRegistry(ProcessRegistry):
    """Remembers the processes. `clock` returns seconds."""

    fail = faults.fail

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._shown: dict[str, tuple[Process, float, bool]] = {}

    def show(self, process: Process) -> None:
        """Show that the process runs."""
        self._shown[process.name] = (process, self._clock(), False)

    def withdraw(self, process: Process) -> None:
        """Show that the process has ended."""
        self._shown[process.name] = (process, self._clock(), True)

    def all(self) -> Sequence[ProcessView]:
        """Return all processes of the last day."""
        now = self._clock()
        views = [ProcessView(process, now - at, ended) for process, at, ended in self._shown.values()]
        return sorted((one for one in views if one.seconds < _DAY), key=lambda one: one.seconds)
