"""The kept events in memory, as somebody looks at them."""

from datetime import datetime

import pytest

from qontract.adapters.memory import InMemoryEventStore, InMemoryKeptEvents
from tests.contracts.kept_events import NOON, KeptEventsContract, Log


class TestInMemoryKeptEvents(KeptEventsContract):
    @pytest.fixture
    def log(self) -> Log:
        events = InMemoryEventStore()

        def keep(content: bytes, time: datetime) -> str:
            events.append(content)
            events.kept[events.newest].since = (time - NOON).total_seconds()
            return str(events.newest)

        return Log(InMemoryKeptEvents(events, began=NOON), keep)
