"""Use case: search the kept events, and follow new ones."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from qontract.application.ports.kept_events import KeptEvents, KeptEventsError, Span
from qontract.domain.events import type_pattern
from qontract.domain.kept_events import KeptEvent

MAX_SCANNED = 100_000
"""How many events a search looks at by default."""
_FIRST_PAGE, _LARGEST_PAGE = 16, 500
_PAGE_BYTES = 4 * 2**20
_POLL_SECONDS, _MAX_WAIT = 0.5, 5.0


@dataclass(frozen=True)
class EventFilter:
    """Conditions: an event has to meet all that are given. `*` in a type stands for any text.

    `who` is the extension `authid`. Bytes that are not a JSON object have no attributes.
    """

    types: tuple[str, ...] = ()
    source: str | None = None
    subject: str | None = None
    who: str | None = None
    event_id: str | None = None

    def __call__(self, event: KeptEvent) -> bool:
        """Return whether the event meets all conditions."""
        return (
            self._wants_type(event.type)
            and self.source in {None, event.source}
            and self.subject in {None, event.subject}
            and self.who in {None, event.who}
            and self.event_id in {None, event.id}
        )

    def _wants_type(self, event_type: str | None) -> bool:
        return not self.types or (event_type is not None and self._pattern.fullmatch(event_type) is not None)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return type_pattern(*self.types)


class Search:
    """Iterates, once, over the wanted events of a span, in order, up to `limit`.

    It reads pages of a few megabytes, looks at `most` events, and yields up to `max_bytes` of content, but one event at
    least. Afterwards `scanned` says how many events it has looked at, and `next` after which entry to go on: "" if it
    came to the end. `is_full`: it stopped because it had found enough; there may be more. Raises KeptEventsError, and
    ValueError for a wrong span.
    """

    def __init__(
        self,
        kept: KeptEvents,
        wanted: Callable[[KeptEvent], bool],
        span: Span,
        *,
        limit: int,
        most: int = MAX_SCANNED,
        max_bytes: float = float("inf"),
    ) -> None:
        self._kept = kept
        self._wanted = wanted
        self._span = span
        self._limit = limit
        self._most = most
        self._max_bytes = max_bytes
        self.scanned = 0
        self.next = ""
        self.is_full = False

    def __iter__(self) -> Iterator[KeptEvent]:
        """Yield the events."""
        found, size, last = 0, 0, self._span.after
        for event in _every(self._kept, self._span):
            is_wanted = self._wanted(event)
            size += len(event.content) if is_wanted else 0
            self.is_full = is_wanted and found > 0 and size > self._max_bytes
            if self.is_full or self.scanned >= self._most:
                self.next = last
                return
            self.scanned += 1
            last = event.entry
            if is_wanted:
                found += 1
                yield event
                if found >= self._limit:
                    self.is_full, self.next = True, last
                    return


def find_one(kept: KeptEvents, name: str, source: str | None = None) -> tuple[KeptEvent | None, Search]:
    """Return the event with this entry, or else the newest one with this id; and from this source, if one is given.

    The search that is returned says whether it looked at all events. Raises KeptEventsError.
    """
    search = Search(kept, EventFilter(event_id=name, source=source), Span(newest_first=True), limit=1)
    found = kept.get(name)
    if found is None or source not in (None, found.source):
        found = next(iter(search), None)
    return found, search


def follow(
    kept: KeptEvents,
    wanted: EventFilter,
    span: Span,
    pause: Callable[[float], bool],
    trouble: Callable[[KeptEventsError | None], None] = lambda _: None,
) -> Iterator[KeptEvent]:
    """Yield the wanted events of a span, oldest first, then new ones, each once; until `pause` returns False.

    `pause` waits so many seconds. While `kept` does not answer, it is asked again, and following goes on after the last
    event: `trouble` is called with the first error, and with None when `kept` answers again.
    """
    failures = 0
    while True:
        try:
            for event in _every(kept, span):
                failures = _over(failures, trouble)
                span = replace(span, after=event.entry)
                if wanted(event):
                    yield event
            failures = _over(failures, trouble)
        except KeptEventsError as error:
            if not failures:
                trouble(error)
            failures += 1
        if not pause(min(_MAX_WAIT, _POLL_SECONDS * 2 ** min(failures, 10))):
            return


def _over(failures: int, trouble: Callable[[KeptEventsError | None], None]) -> int:
    if failures:
        trouble(None)
    return 0


def _every(kept: KeptEvents, span: Span) -> Iterator[KeptEvent]:
    """Yield all events of the span. The size of a page follows from the events of the page before: a few megabytes."""
    count = _FIRST_PAGE
    while page := kept.page(span, count):
        yield from page
        if len(page) < count:
            return
        span = replace(span, after=page[-1].entry)
        count = _count_after(page)


def _count_after(page: Sequence[KeptEvent]) -> int:
    largest = max(len(event.content) for event in page)
    return max(1, min(_LARGEST_PAGE, 2 * len(page), _PAGE_BYTES // max(1, largest)))
