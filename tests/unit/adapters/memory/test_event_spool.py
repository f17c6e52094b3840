"""The spool in memory."""

import pytest

from qontract.adapters.memory import InMemoryEventSpool
from qontract.testing.contracts.event_spool import EventSpoolContract


class TestInMemoryEventSpool(EventSpoolContract):
    @pytest.fixture
    def intents(self) -> InMemoryEventSpool:
        return InMemoryEventSpool()

    @pytest.fixture
    def small(self) -> InMemoryEventSpool:
        return InMemoryEventSpool(100)
