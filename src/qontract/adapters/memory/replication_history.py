"""In memory: a server with the history that a test sets."""

from qontract.adapters.memory import faults
from qontract.application.ports.replication_history import ReplicationHistory
from qontract.domain.replication_position import ReplicationPosition


class InMemoryReplicationHistory(ReplicationHistory):
    """A server with this `history`. `reads` counts the calls of `read`."""

    fail = faults.fail

    def __init__(self, history: ReplicationPosition | None = None) -> None:
        self.history = history or ReplicationPosition("memory", "first", 0)
        self.reads = 0

    def read(self) -> ReplicationPosition:
        """Return the history."""
        self.reads += 1
        return self.history
