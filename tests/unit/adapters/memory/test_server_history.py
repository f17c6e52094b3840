"""The history of a server in memory."""

from collections.abc import Callable

import pytest

from qontract.adapters.memory import InMemoryServerHistory
from qontract.domain.server_history import DataHistory
from tests.contracts.server_history import ServerHistoryContract


class TestInMemoryServerHistory(ServerHistoryContract):
    @pytest.fixture
    def server(self) -> InMemoryServerHistory:
        return InMemoryServerHistory()

    @pytest.fixture
    def lose(self, server: InMemoryServerHistory) -> Callable[[], object]:
        return lambda: setattr(server, "history", DataHistory("another", "second", 0))
