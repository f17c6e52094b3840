"""Port: the state of the server that stores jobs and events, as it reports it."""

from abc import abstractmethod
from typing import Protocol

from qontract.domain.server_health import ServerView


class ServerInfoError(Exception):
    """The server did not answer, or refused to report its state. The message has no secret in it."""


class ServerInfo(Protocol):
    """Reports the server's version, disk, memory and replicas.

    `read` also works while the server reads its files, or is full. Fields that the server does not report have their
    defaults. It returns or raises ServerInfoError, and nothing else, within seconds.
    """

    @abstractmethod
    def read(self) -> ServerView:
        """Return the state of the server now."""
