"""Port: publish in two steps, so that the same bytes can be published again."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from qontract.domain.events import DomainEvent


class EncodedEvent(NamedTuple):
    """An event as it is sent: its bytes, and the attributes that the sender needs. `intent_id`: see `INTENT_ID`."""

    source: str
    id: str
    type: str
    content: bytes
    traceparent: str | None = None
    intent_id: str | None = None


class EventSender(Protocol):
    """Publishes as an EventPublisher does, but in two steps.

    - `encode` followed by `send` keeps the promises of `EventPublisher.publish`.
    - `encode` calls nothing outside. It raises EventPublisherError if an event is not acceptable.
    - Encoded events can be sent again at any time, also by another adapter of the same kind.
    """

    @abstractmethod
    def encode(self, events: Sequence[DomainEvent]) -> Sequence[EncodedEvent]:
        """Return the events as they are sent."""

    @abstractmethod
    def send(self, events: Sequence[EncodedEvent]) -> None:
        """Publish encoded events."""
