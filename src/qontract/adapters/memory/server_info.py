"""In memory: a server that reports what a test sets."""

from qontract.adapters.memory import faults
from qontract.application.ports.server_info import ServerInfo
from qontract.domain.server_health import ServerView


class InMemoryServerInfo(ServerInfo):
    """Reports `view`; by default all is well."""

    fail = faults.fail

    def __init__(self, view: ServerView | None = None) -> None:
        self.view = view or ServerView("memory", "1.0.0", (7, 0, 0), "here")

    def read(self) -> ServerView:
        """Return the view."""
        return self.view
