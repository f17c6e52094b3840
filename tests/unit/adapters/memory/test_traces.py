"""The traces in memory."""

from datetime import UTC, datetime

import pytest

from qontract.adapters.memory import InMemoryDeadLetters, InMemoryEventLog, InMemoryEvents, InMemorySubscriptions
from qontract.adapters.memory.traces import InMemoryTraces
from qontract.application.ports.event_log import EventLog
from qontract.domain.traces import Interest
from tests.contracts.traces import ASKED, NAME, Store, TracesContract


class TestInMemoryTraces(TracesContract):
    @pytest.fixture
    def store(self) -> Store:
        events = InMemoryEvents()

        def keep(content: bytes) -> str:
            events.append(content)
            return str(events.newest)

        def log(replica: str, shared: bool) -> EventLog:
            interest = Interest(ASKED.types, ASKED.max_attempts, shared)
            return InMemoryEventLog(events, NAME, replica, shared=shared, interest=interest)

        traces = InMemoryTraces(events)
        letters = InMemoryDeadLetters(events=events)
        return Store(traces, keep, log, lambda entry: events.remove(int(entry)), InMemorySubscriptions(events), letters)


def test_an_event_is_found_by_its_source_and_id() -> None:
    events = InMemoryEvents()
    events.append(b"\xff", b'{"id": "1", "source": "other"}', b'{"id": "1", "source": "qontract-api"}')
    traces = InMemoryTraces(events, datetime.now(UTC))
    assert [traces.entry_of("1"), traces.entry_of("1", "other"), traces.entry_of("2")] == ["3", "2", None]
