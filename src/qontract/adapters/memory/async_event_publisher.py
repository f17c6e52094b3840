"""In memory: an event publisher for code on an event loop."""

import asyncio
from collections.abc import Sequence

from qontract.adapters.memory import faults
from qontract.adapters.memory.event_publisher import InMemoryEventPublisher
from qontract.application.ports.async_event_publisher import AsyncEventPublisher
from qontract.domain.events import DomainEvent


class InMemoryAsyncEventPublisher(AsyncEventPublisher):
    """Publishes with `publisher`."""

    fail = faults.fail

    def __init__(self, publisher: InMemoryEventPublisher) -> None:
        self._publisher = publisher

    async def publish(self, events: Sequence[DomainEvent]) -> None:
        """Publish the events, and let other tasks run."""
        self._publisher.publish(events)
        await asyncio.sleep(0)
