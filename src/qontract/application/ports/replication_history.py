"""Port: the history of the data on the server that stores events."""

from abc import abstractmethod
from typing import Protocol

from qontract.domain.replication_position import ReplicationPosition


class ReplicationHistoryError(Exception):
    """The server did not answer, takes no writes, or does not report it. The message has no secret in it."""


class ReplicationHistory(Protocol):
    """Reads the history of the data on the server that stores events.

    - `read` uses a new connection. Afterwards, events are sent on new connections only, to the same server.
    - While the server loses nothing, each history continues the ones before.
    - After the server has lost data, or another server has replaced it, the history does not continue the ones before.
    - It returns or raises ReplicationHistoryError, and nothing else, within seconds. After an error, events are sent as
      before. It may be called from any thread, and in a process forked from the one that made it.
    """

    @abstractmethod
    def read(self) -> ReplicationPosition:
        """Return the history of the server that takes writes."""
