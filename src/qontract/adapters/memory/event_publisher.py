"""In memory: published events are in a list, and in a log if there is one."""

from collections.abc import Callable, Iterable, Sequence
from threading import Lock

from qontract.adapters.memory import faults
from qontract.adapters.memory.event_store import InMemoryEventStore
from qontract.application import tracing
from qontract.application.ports.event_publisher import EventPublisher, EventPublisherError
from qontract.application.ports.event_sender import EncodedEvent, EventSender
from qontract.domain.events import DomainEvent, read_event


class InMemoryEventPublisher(EventPublisher, EventSender):
    """Keeps published events in `events`.

    With a `log`, which needs `encode`, it appends the bytes of each event there, for subscriptions to read. `encode`
    raises ValueError for an event that is not acceptable.
    """

    fail = faults.fail

    def __init__(
        self,
        source: str = "qontract-api",
        *,
        log: InMemoryEventStore | None = None,
        encode: Callable[[DomainEvent], bytes] | None = None,
    ) -> None:
        if log and not encode:
            raise ValueError("a log keeps bytes: give `encode`, which makes them of an event")
        self.events: list[DomainEvent] = []
        self._source = source
        self._log = log
        self._encode = encode
        self._known: set[tuple[str, str]] = set()
        self._lock = Lock()

    def publish(self, events: Sequence[DomainEvent]) -> None:
        """Keep the events that are not kept already."""
        causes = (event.extensions.get(tracing.TRACEPARENT) for event in events)
        with tracing.publishing("memory", causes, len(events)), self._lock:
            new: dict[tuple[str, str], DomainEvent] = {}
            for event in events:
                if (key := (event.source or self._source, event.id)) not in self._known:
                    new.setdefault(key, event.model_copy(update={"source": key[0]}))
            if self._log and self._encode:
                self._log.append(*_encoded(new.values(), self._encode))
            self._known |= new.keys()
            self.events += new.values()

    def encode(self, events: Sequence[DomainEvent]) -> Sequence[EncodedEvent]:
        """Return the events as JSON, with the source of each."""
        named = [event.model_copy(update={"source": event.source or self._source}) for event in events]
        if self._encode:
            _encoded(named, self._encode)
        return [
            EncodedEvent(event.source or "", event.id, event.type, event.model_dump_json().encode()) for event in named
        ]

    def send(self, events: Sequence[EncodedEvent]) -> None:
        """Publish the events that this JSON is."""
        self.publish([read_event(event.content) for event in events])


def _encoded(events: Iterable[DomainEvent], encode: Callable[[DomainEvent], bytes]) -> list[bytes]:
    try:
        return [encode(event) for event in events]
    except ValueError as error:
        raise EventPublisherError(f"an event was refused: {error}", refused=True) from error
