"""In memory: a server in the state that a test sets."""

from qontract.application.ports.server_check import ServerCheck, ServerState


class InMemoryServerCheck(ServerCheck):
    """A server whose state is `now`."""

    def __init__(self, now: ServerState | None = None) -> None:
        self.now = now or ServerState()

    def state(self) -> ServerState:
        """Return the state."""
        return self.now
