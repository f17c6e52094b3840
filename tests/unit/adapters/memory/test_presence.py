"""The processes that show that they run, in memory."""

import pytest

from qontract.adapters.memory import InMemoryPresence
from tests.contracts.presence import PresenceContract, Shown


class TestInMemoryPresence(PresenceContract):
    @pytest.fixture
    def shown(self) -> Shown:
        now = [0.0]

        def let_pass(seconds: float) -> None:
            now[0] += seconds

        return Shown(InMemoryPresence(lambda: now[0]), let_pass)
