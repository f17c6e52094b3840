"""The states in memory."""

from datetime import UTC, datetime

import pytest

from qontract.adapters.memory import InMemoryDeadLetters, InMemoryEventLog, InMemoryEventStore, InMemorySubscriptions
from qontract.adapters.memory.delivery_states import InMemoryDeliveryStates
from qontract.application.ports.event_log import EventLog
from qontract.domain.delivery_states import SubscriptionFilter
from tests.contracts.delivery_states import ASKED, NAME, DeliveryStatesContract, Store


class TestInMemoryDeliveryStates(DeliveryStatesContract):
    @pytest.fixture
    def store(self) -> Store:
        events = InMemoryEventStore()

        def keep(content: bytes) -> str:
            events.append(content)
            return str(events.newest)

        def log(replica: str, shared: bool) -> EventLog:
            wanted = SubscriptionFilter(ASKED.types, ASKED.max_attempts, shared)
            return InMemoryEventLog(events, NAME, replica, shared=shared, wanted=wanted)

        states = InMemoryDeliveryStates(events)
        letters = InMemoryDeadLetters(events=events)
        return Store(states, keep, log, lambda entry: events.remove(int(entry)), InMemorySubscriptions(events), letters)


def test_an_event_is_found_by_its_source_and_id() -> None:
    events = InMemoryEventStore()
    events.append(b"\xff", b'{"id": "1", "source": "other"}', b'{"id": "1", "source": "qontract-api"}')
    states = InMemoryDeliveryStates(events, datetime.now(UTC))
    assert [states.entry_of("1"), states.entry_of("1", "other"), states.entry_of("2")] == ["3", "2", None]
