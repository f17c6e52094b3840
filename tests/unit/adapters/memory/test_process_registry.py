"""The processes that show that they run, in memory."""

import pytest

from qontract.adapters.memory import InMemoryProcessRegistry
from tests.contracts.process_registry import ProcessRegistryContract, Shown


class TestInMemoryProcessRegistry(ProcessRegistryContract):
    @pytest.fixture
    def shown(self) -> Shown:
        now = [0.0]

        def let_pass(seconds: float) -> None:
            now[0] += seconds

        return Shown(InMemoryProcessRegistry(lambda: now[0]), let_pass)
