"""Port: where the follow-up events of handlers go."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from qontract.domain.events import DomainEvent


class AsyncEventPublisher(Protocol):
    """Publishes events, as an EventPublisher does and with its promises, for whoever works on an event loop.

    Raises EventPublisherError, and nothing else.
    """

    @abstractmethod
    async def publish(self, events: Sequence[DomainEvent]) -> None:
        """Publish the events."""
