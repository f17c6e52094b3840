"""For authors' tests: an event manager whose events are in a list."""

from collections.abc import Sequence

from qontract.adapters.memory import InMemoryEventPublisher, InMemoryIntents
from qontract.application.event_manager import EventManager
from qontract.domain.events import DomainEvent


class InMemoryEventManager(EventManager):
    """Publishes to a list, with `intents` in memory. Give it to `reconcile`."""

    def __init__(self) -> None:
        self.publisher = InMemoryEventPublisher()
        self.intents = InMemoryIntents(self.publisher)
        super().__init__(self.publisher, intents=self.intents)

    @property
    def published(self) -> Sequence[DomainEvent]:
        """The published events, in order."""
        return tuple(self.publisher.events)
