"""Port: which history the data of the server has to which events go."""

from abc import abstractmethod
from typing import Protocol

from qontract.domain.server_history import DataHistory


class ServerHistoryError(Exception):
    """The server did not answer, takes no writes, or does not say. The message has no secret in it."""


class ServerHistory(Protocol):
    """Asks the server to which events go for the history of its data.

    - `read` asks on a new connection. From then on, events go there too, and on no connection that was open before.
    - As long as the server has lost nothing, what is read later continues what was read before.
    - What is read after the data was lost, or another server took its place, does not.
    - It returns or raises ServerHistoryError, and nothing else, within seconds. After an error, events go where they
      went before. It may be called from any thread, and in a process forked from the one that made it.
    """

    @abstractmethod
    def read(self) -> DataHistory:
        """Return the history of the server, which takes writes."""
