"""The subscriptions in memory, as somebody looks at them."""

from datetime import datetime
from typing import Any

import pytest

from qontract.adapters.memory import InMemoryDeadLetters, InMemoryEventLog, InMemoryEventStore, InMemorySubscriptions
from qontract.application.ports.event_log import EventLog
from qontract.testing.clock import VirtualClockLoop
from tests.contracts.subscriptions import NOON, Store, SubscriptionsContract


class TestInMemorySubscriptions(SubscriptionsContract):
    @pytest.fixture
    def anyio_backend(self) -> tuple[str, dict[str, Any]]:
        return "asyncio", {"loop_factory": VirtualClockLoop}

    @pytest.fixture
    def store(self) -> Store:
        events = InMemoryEventStore()

        def keep(content: bytes, time: datetime) -> str:
            events.append(content)
            events.kept[events.newest].since = (time - NOON).total_seconds()
            return str(events.newest)

        def log(name: str, shared: bool) -> EventLog:
            return InMemoryEventLog(events, name, shared=shared)

        def redrive(name: str, content: bytes) -> None:
            with events.lock:
                letter = events.add_letter(name, content, (), "1")
            InMemoryDeadLetters(events=events).redrive(letter)

        def silence(name: str) -> None:
            if place := events.of(name).place:
                place.replicas.clear()

        return Store(InMemorySubscriptions(events, began=NOON), keep, log, redrive, silence)
