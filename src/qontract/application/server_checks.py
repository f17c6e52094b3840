"""What a process needs of several servers: the jobs may be in one, and the events in another."""

from collections.abc import Mapping

from qontract.application.ports.server_check import ServerCheck, ServerState


class ServerChecks(ServerCheck):
    """Asks each of the servers, by the setting that says where it is."""

    def __init__(self, servers: Mapping[str, ServerCheck]) -> None:
        self._servers = servers

    def state(self) -> ServerState:
        """Return the first that refuses; or else what is wrong with each."""
        states = {setting: server.state() for setting, server in self._servers.items()}
        for setting, state in states.items():
            if state.refused:
                return state._replace(setting=setting)
        failing = [f"{setting}: {state.failing}" for setting, state in states.items() if state.failing]
        return ServerState(failing="; ".join(failing))
