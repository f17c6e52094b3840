"""Port: publish follow-up events of handlers."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from qontract.domain.events import DomainEvent


class AsyncEventPublisher(Protocol):
    """Publishes events from an event loop, with the same promises as an EventPublisher.

    Raises EventPublisherError, and nothing else.
    """

    @abstractmethod
    async def publish(self, events: Sequence[DomainEvent]) -> None:
        """Publish the events."""
