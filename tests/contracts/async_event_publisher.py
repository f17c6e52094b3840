"""What every AsyncEventPublisher promises: what an EventPublisher does."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from qontract.application.ports.async_event_publisher import AsyncEventPublisher
from qontract.application.ports.event_publisher import EventPublisher
from qontract.domain.events import DomainEvent
from qontract.testing.contracts.event_publisher import EventPublisherContract


class EachOnALoopOfItsOwn(EventPublisher):
    """Publishes as the asynchronous publisher does that `make` opens, on a new event loop for each call."""

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[AsyncEventPublisher]]) -> None:
        self._make = make

    def publish(self, events: Sequence[DomainEvent]) -> None:
        asyncio.run(self._publish(events))

    async def _publish(self, events: Sequence[DomainEvent]) -> None:
        async with self._make() as publisher:
            await publisher.publish(events)


class AsyncEventPublisherContract(EventPublisherContract):
    """Subclass it, and give the adapter as an EachOnALoopOfItsOwn."""
