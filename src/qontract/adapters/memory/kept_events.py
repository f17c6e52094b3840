"""In memory: the kept events, for people who look at them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from qontract.adapters.memory import faults
from qontract.adapters.memory.event_store import InMemoryEventStore, Kept
from qontract.application.ports.kept_events import KeptEvents, Span
from qontract.domain.kept_events import KeptEvent

_MAX_NUMBER_LENGTH = 20


class InMemoryKeptEvents(KeptEvents):
    """The kept events of `events`. Their time begins at `began`; their numbers are the entries."""

    fail = faults.fail

    def __init__(self, events: InMemoryEventStore, began: datetime | None = None) -> None:
        self._events = events
        self._began = began or datetime.now(UTC)

    def page(self, span: Span, count: int) -> Sequence[KeptEvent]:
        """Return the next events of the span."""
        if span.after and not _is_number(span.after):
            raise ValueError(f"{span.after!r}: no entry of this log")
        with self._events.lock:
            found = [self._event(number, kept) for number, kept in sorted(self._events.kept.items())]
        inside = [
            event
            for event in found
            if (span.since is None or event.kept >= span.since) and (span.until is None or event.kept <= span.until)
        ]
        ordered = inside[::-1] if span.newest_first else inside
        beyond = [event for event in ordered if not span.after or _is_beyond(int(event.entry), span)]
        return beyond[:count]

    def newest(self) -> str:
        """Return the number of the last event."""
        return str(self._events.newest)

    def get(self, entry: str) -> KeptEvent | None:
        """Return the event with this number."""
        with self._events.lock:
            kept = self._events.kept.get(int(entry)) if _is_number(entry) else None
        return self._event(int(entry), kept) if kept else None

    def _event(self, number: int, kept: Kept) -> KeptEvent:
        return KeptEvent(str(number), self._began + timedelta(seconds=kept.since), kept.content)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _MAX_NUMBER_LENGTH


def _is_beyond(number: int, span: Span) -> bool:
    return number < int(span.after) if span.newest_first else number > int(span.after)
