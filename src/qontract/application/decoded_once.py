"""Events that several subscriptions of a process read: each is decoded once."""

from qontract.application.ports.event_format import EventFormat
from qontract.domain.events import DomainEvent

_REMEMBERED_EVENTS = 4_000
_REMEMBERED_BYTES = 4 * 2**20
_LARGEST_REMEMBERED = 64 * 2**10


class DecodedOnce(EventFormat):
    """Another format that remembers what it decoded last. For one subscription alone it would cost, and save nothing.

    That is at least half of, and at most, 4,000 events and 4 MiB of content, none of them over 64 KiB, in two halves:
    the one that is being filled, and the one before it. Threads may share it: what is not locked may be lost when they
    meet, and is decoded again.
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
        """Return the event, the same object for equal bytes."""
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
