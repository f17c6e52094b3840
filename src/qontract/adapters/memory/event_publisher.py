"""In memory: events are kept in a list, and handled when the test says so."""

from collections.abc import Sequence
from threading import Lock

from qontract.application.ports.event_publisher import EventPublisher
from qontract.application.subscriptions import Subscription
from qontract.domain.events import DomainEvent


class InMemoryEventPublisher(EventPublisher):
    """Keeps what was published in `events`, and hands it to the subscriptions in `deliver`."""

    def __init__(self, *subscriptions: Subscription, source: str = "qontract-api") -> None:
        self.events: list[DomainEvent] = []
        self._source = source
        self._known: set[tuple[str, str]] = set()
        self._lock = Lock()
        self._subscriptions = subscriptions
        self._delivered = 0

    def publish(self, events: Sequence[DomainEvent]) -> None:
        """Keep the events, but for those that are kept already."""
        with self._lock:
            for event in events:
                if (key := (event.source or self._source, event.id)) not in self._known:
                    self._known.add(key)
                    self.events.append(event.model_copy(update={"source": key[0]}))

    async def deliver(self) -> None:
        """Run every subscription that wants it on each event that was not delivered yet; let a failure through."""
        while self._delivered < len(self.events):
            event = self.events[self._delivered]
            for subscription in self._subscriptions:
                if subscription.wants(event.type):
                    await subscription.handler.handle(event)
            self._delivered += 1
