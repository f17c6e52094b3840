"""Port: the server that keeps jobs and events, as it speaks of itself."""

from abc import abstractmethod
from typing import Protocol

from qontract.domain.server import ServerView


class ServerInfoError(Exception):
    """The server did not answer, or refuses to speak of itself. The message has no secret in it."""


class ServerInfo(Protocol):
    """Tells how the server is: its version, disk, memory and replicas.

    `look` answers while the server reads its files, or is full, too; what the server does not say is left as it is by
    default. It returns or raises ServerInfoError, and nothing else, within seconds.
    """

    @abstractmethod
    def look(self) -> ServerView:
        """Return what the server says of itself now."""
