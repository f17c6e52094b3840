"""The history of a server in memory."""

from collections.abc import Callable

import pytest

from qontract.adapters.memory import InMemoryReplicationHistory
from qontract.domain.replication_position import ReplicationPosition
from tests.contracts.replication_history import ReplicationHistoryContract


class TestInMemoryReplicationHistory(ReplicationHistoryContract):
    @pytest.fixture
    def server(self) -> InMemoryReplicationHistory:
        return InMemoryReplicationHistory()

    @pytest.fixture
    def lose(self, server: InMemoryReplicationHistory) -> Callable[[], object]:
        return lambda: setattr(server, "history", ReplicationPosition("another", "second", 0))
