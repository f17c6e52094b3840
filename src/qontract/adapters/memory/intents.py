"""In memory: intents, until their events are published."""

from collections.abc import Mapping, Sequence
from itertools import chain

from qontract.adapters.memory import faults
from qontract.adapters.memory.event_publisher import InMemoryEventPublisher
from qontract.application.ports.intents import Intents, by_scope, intents_of
from qontract.domain.events import DomainEvent


class InMemoryIntents(Intents):
    """Keeps intents for actions whose events go to `publisher`."""

    fail = faults.fail

    def __init__(self, publisher: InMemoryEventPublisher) -> None:
        self._publisher = publisher
        self._recorded: dict[str, tuple[str, DomainEvent]] = {}

    def record(self, scope: str, event: DomainEvent) -> None:
        """Record an intent."""
        self._recorded.setdefault(event.id, (scope, event))

    def pending(self) -> Mapping[str, Sequence[DomainEvent]]:
        """Return the intents that are neither published nor resolved, by scope."""
        self.resolve(self._publisher.events, applied=True)
        return by_scope(list(self._recorded.values()))

    def resolve(self, events: Sequence[DomainEvent], *, applied: bool) -> None:  # noqa: ARG002 - nobody counts them here
        """Remove intents that are resolved."""
        for name in chain.from_iterable(map(intents_of, events)):
            self._recorded.pop(name, None)
