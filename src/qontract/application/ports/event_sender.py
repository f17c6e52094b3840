"""Port: publishing in two steps, so that what went out can go out again."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from qontract.domain.events import DomainEvent


class EncodedEvent(NamedTuple):
    """An event as it goes out: its bytes, and what has to be known of them."""

    source: str
    id: str
    type: str
    content: bytes
    traceparent: str | None = None


class EventSender(Protocol):
    """Does what an EventPublisher does, in two steps.

    - `encode` and then `send` have the promises of `publish`, for the same events.
    - `encode` does not call the outside. An event that is not acceptable is refused by it: EventPublisherError.
    - What was encoded can be sent again, as often as one likes, and by another one of its kind.
    """

    @abstractmethod
    def encode(self, events: Sequence[DomainEvent]) -> Sequence[EncodedEvent]:
        """Return the events as they go out."""

    @abstractmethod
    def send(self, events: Sequence[EncodedEvent]) -> None:
        """Publish events that were encoded."""
