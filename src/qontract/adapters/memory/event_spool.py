"""In memory: a spool that ends with its process."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from threading import Lock

from qontract.adapters.memory import faults
from qontract.application.ports.event_spool import EventSpool, EventSpoolError
from qontract.application.ports.intents import by_scope, intents_of
from qontract.domain.events import DomainEvent
from qontract.domain.processes import Spooled


class InMemoryEventSpool(EventSpool):
    """Keeps up to `max_events` events and intents."""

    fail = faults.fail

    def __init__(self, max_events: int = 1_000) -> None:
        self._max_events = max_events
        self._kept: dict[str, tuple[str | None, DomainEvent]] = {}
        self._lock = Lock()

    def append(self, events: Sequence[DomainEvent]) -> None:
        """Keep the events."""
        self._insert({event.id: (None, event) for event in events})

    def record(self, scope: str, event: DomainEvent) -> None:
        """Record an intent."""
        if event.id not in self._kept:
            self._insert({event.id: (scope, event)})

    def oldest(self, count: int) -> Sequence[DomainEvent]:
        """Return the oldest waiting events, so many at most."""
        return [event for scope, event in list(self._kept.values()) if scope is None][:count]

    def waiting(self) -> Spooled:
        """Return how much waits, in bytes of JSON. The age of an event follows from its `time`."""
        events = [event for scope, event in list(self._kept.values()) if scope is None]
        now = datetime.now(UTC)
        oldest = min((event.time for event in events), default=now)
        size = sum(len(event.model_dump_json()) for _, event in list(self._kept.values()))
        return Spooled(len(events), max(0.0, (now - oldest).total_seconds()), size)

    def pending(self) -> Mapping[str, Sequence[DomainEvent]]:
        """Return the intents, by scope."""
        return by_scope((scope, event) for scope, event in list(self._kept.values()) if scope is not None)

    def remove(self, events: Sequence[DomainEvent]) -> None:
        """Remove events, and intents, that were published."""
        for event in events:
            self._kept.pop(event.id, None)
        self._forget(name for event in events for name in intents_of(event))

    def resolve(self, events: Sequence[DomainEvent], *, applied: bool) -> None:  # noqa: ARG002 - nobody counts them here
        """Remove intents that are resolved."""
        self._forget(event.id for event in events)

    def _forget(self, intents: Iterable[str]) -> None:
        for name in intents:
            if self._kept.get(name, (None,))[0] is not None:
                del self._kept[name]

    def _insert(self, rows: dict[str, tuple[str | None, DomainEvent]]) -> None:
        with self._lock:
            if len(self._kept.keys() | rows.keys()) > self._max_events:
                raise EventSpoolError(f"the spool is full: it has {len(self._kept)} of {self._max_events} events")
            self._kept.update(rows)
