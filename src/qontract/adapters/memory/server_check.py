"""In memory: a server that does all, or what a test says."""

from qontract.application.ports.server_check import ServerCheck, ServerState


class InMemoryServerCheck(ServerCheck):
    """Is in the state `now`."""

    def __init__(self, now: ServerState | None = None) -> None:
        self.now = now or ServerState()

    def state(self) -> ServerState:
        """Return it."""
        return self.now
