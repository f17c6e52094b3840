"""Check several servers: the jobs may be on one server, and the events on another."""

from collections.abc import Mapping

from qontract.application.ports.server_check import ServerCheck, ServerState


class ServerChecks(ServerCheck):
    """Asks each server. `servers` has them by the setting that contains the address."""

    def __init__(self, servers: Mapping[str, ServerCheck]) -> None:
        self._servers = servers

    def state(self) -> ServerState:
        """Return the state of the first server that refuses; if none does, what is failing on each."""
        states = {setting: server.state() for setting, server in self._servers.items()}
        for setting, state in states.items():
            if state.refused:
                return state._replace(setting=setting)
        failing = [f"{setting}: {state.failing}" for setting, state in states.items() if state.failing]
        return ServerState(failing="; ".join(failing))
