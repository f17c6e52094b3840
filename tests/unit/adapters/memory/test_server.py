"""A server in memory."""

import pytest

from qontract.adapters.memory import InMemoryServer
from qontract.application.ports.server import Server
from tests.contracts.server import ServerContract


class TestInMemoryServer(ServerContract):
    @pytest.fixture
    def server(self) -> Server:
        return InMemoryServer()
