"""A server in memory."""

import pytest

from qontract.adapters.memory import InMemoryServerInfo
from qontract.application.ports.server_info import ServerInfo
from tests.contracts.server_info import ServerInfoContract


class TestInMemoryServerInfo(ServerInfoContract):
    @pytest.fixture
    def server(self) -> ServerInfo:
        return InMemoryServerInfo()
