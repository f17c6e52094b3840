"""The runs in which dead letters are redriven, in memory."""

from typing import Any

import pytest

from qontract.adapters.memory import InMemoryRedriveRuns
from qontract.testing.clock import VirtualClockLoop
from tests.contracts.redrive_runs import RedriveRunsContract
from tests.unit.adapters.memory.test_event_log import Events


class TestInMemoryRedriveRuns(RedriveRunsContract):
    @pytest.fixture
    def anyio_backend(self) -> tuple[str, dict[str, Any]]:
        return "asyncio", {"loop_factory": VirtualClockLoop}

    @pytest.fixture
    def events(self) -> Events:
        return Events()

    @pytest.fixture
    def runs(self, events: Events) -> InMemoryRedriveRuns:
        return InMemoryRedriveRuns(events.events)
