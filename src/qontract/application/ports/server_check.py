"""Port: check that the server does all that a process needs."""

from abc import abstractmethod
from typing import NamedTuple, Protocol


class ServerState(NamedTuple):
    """What is wrong with the server, in one line each, or "". The lines say what to do, and have no secret in them.

    `refused`: the server never does what the process needs, until somebody changes its version, or the rights of its
    user. `failing`: it does not at the moment: it is away, full, or a replica. `setting` says where the server is.
    """

    refused: str = ""
    failing: str = ""
    setting: str = "QAPI_CACHE_BROKER_URL"


class ServerCheck(Protocol):
    """Knows what one process needs of its server."""

    @abstractmethod
    def state(self) -> ServerState:
        """Ask the server, and return what is wrong, within seconds. Raises nothing."""
