"""In memory: a server whose history is what a test says."""

from qontract.adapters.memory import faults
from qontract.application.ports.server_history import ServerHistory
from qontract.domain.server_history import DataHistory


class InMemoryServerHistory(ServerHistory):
    """Has `history`, and counts how often it was read."""

    fail = faults.fail

    def __init__(self, history: DataHistory | None = None) -> None:
        self.history = history or DataHistory("memory", "first", 0)
        self.reads = 0

    def read(self) -> DataHistory:
        """Return the history."""
        self.reads += 1
        return self.history
