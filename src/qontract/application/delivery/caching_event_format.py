"""A cache of decoded events: several subscriptions of a process read the same ones."""

from qontract.application.ports.event_format import EventFormat
from qontract.domain.events import DomainEvent

_REMEMBERED_EVENTS = 4_000
_REMEMBERED_BYTES = 4 * 2**20
_LARGEST_REMEMBERED = 64 * 2**10


class CachingEventFormat(EventFormat):
    """Decodes as another format does, and caches the latest events. It is of no use to one subscription alone.

    The cache has two generations: the one that is being filled, and the full one before. Together they hold up to 4,000
    events and 4 MiB of content; events over 64 KiB are not cached. Threads may share it. There is no lock: if two
    threads collide, an event may be lost from the cache, and is decoded again.
    """

    def __init__(self, event_format: EventFormat) -> None:
        self._format = event_format
        self._newer: dict[bytes, DomainEvent] = {}
        self._older: dict[bytes, DomainEvent] = {}
        self._bytes = 0

    def type_of(self, content: bytes) -> str:
        """Return the event's type."""
        return self._format.type_of(content)

    def decode(self, content: bytes) -> DomainEvent:
        """Return the event: mostly the same object for equal bytes."""
        event = self._newer.get(content) or self._older.get(content)
        if event is None:
            event = self._format.decode(content)
            if len(content) <= _LARGEST_REMEMBERED:
                self._remember(content, event)
        return event

    def misfit(self, event: DomainEvent, wanted: type[DomainEvent]) -> str:
        """Return what does not fit."""
        return self._format.misfit(event, wanted)

    def encode(self, event: DomainEvent) -> bytes:
        """Return the event's bytes."""
        return self._format.encode(event)

    def _remember(self, content: bytes, event: DomainEvent) -> None:
        self._bytes += len(content)
        if len(self._newer) >= _REMEMBERED_EVENTS // 2 or self._bytes > _REMEMBERED_BYTES // 2:
            self._older, self._newer, self._bytes = self._newer, {}, len(content)
        self._newer[content] = event
