"""The intents in memory."""

from collections.abc import Callable

import pytest

from qontract.adapters.memory import InMemoryEventPublisher, InMemoryIntents
from qontract.domain.events import DomainEvent
from qontract.testing.contracts.intents import IntentsContract


class TestInMemoryIntents(IntentsContract):
    @pytest.fixture
    def publisher(self) -> InMemoryEventPublisher:
        return InMemoryEventPublisher()

    @pytest.fixture
    def intents(self, publisher: InMemoryEventPublisher) -> InMemoryIntents:
        return InMemoryIntents(publisher)

    @pytest.fixture
    def publish(self, publisher: InMemoryEventPublisher) -> Callable[[DomainEvent], None]:
        return lambda event: publisher.publish([event])
