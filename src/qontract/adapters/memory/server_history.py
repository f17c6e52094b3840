"""In memory: a server with the history that a test sets."""

from qontract.adapters.memory import faults
from qontract.application.ports.server_history import ServerHistory
from qontract.domain.server_history import DataHistory


class InMemoryServerHistory(ServerHistory):
    """A server with this `history`. `reads` counts the calls of `read`."""

    fail = faults.fail

    def __init__(self, history: DataHistory | None = None) -> None:
        self.history = history or DataHistory("memory", "first", 0)
        self.reads = 0

    def read(self) -> DataHistory:
        """Return the history."""
        self.reads += 1
        return self.history
