"""What every ReplicationHistory promises: each line of the port's docstring."""

from abc import abstractmethod
from collections.abc import Callable

import pytest

from qontract.application.ports.replication_history import ReplicationHistory


class ReplicationHistoryContract:
    """Subclass it, and give an adapter, and what has its server lose its data."""

    @pytest.fixture
    @abstractmethod
    def server(self) -> ReplicationHistory:
        """Return it."""

    @pytest.fixture
    @abstractmethod
    def lose(self) -> Callable[[], object]:
        """Return what has the server lose what it accepted last, or puts another one in its place."""

    def test_the_history_of_a_server_that_lost_nothing_continues(self, server: ReplicationHistory) -> None:
        first, second = server.read(), server.read()
        assert second.continues(first)

    def test_the_history_of_a_server_that_lost_something_does_not(
        self, server: ReplicationHistory, lose: Callable[[], object]
    ) -> None:
        before = server.read()
        lose()
        after = server.read()
        assert not after.continues(before)
        assert server.read().continues(after)
