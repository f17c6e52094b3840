"""The check of a server, in memory."""

import pytest

from qontract.adapters.memory import InMemoryServerCheck
from qontract.application.ports.server_check import ServerCheck, ServerState
from tests.contracts.server_check import ServerCheckContract


class TestInMemoryServerCheck(ServerCheckContract):
    @pytest.fixture
    def of_a_good_server(self) -> ServerCheck:
        return InMemoryServerCheck()

    @pytest.fixture
    def of_no_server(self) -> ServerCheck:
        return InMemoryServerCheck(ServerState(failing="it does not answer"))
