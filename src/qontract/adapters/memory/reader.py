"""In memory: what one replica of one subscription reads next."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from qontract.adapters.memory.event_store import (
    InMemoryEventStore,
    Kept,
    Pending,
    SubscriptionCursor,
    SubscriptionState,
)
from qontract.application.ports.event_log import Entry

_Candidate = tuple[int, Kept | None, str | None]
"""The number of an event, the event if it is there, and its type if that is known."""


class ReplicaReader:
    """Reads entries for `replica`: first those to deliver again, then redriven ones, then new ones.

    `claim_seconds` is None if the subscription is ordered: then nothing is claimed. No entry can be claimed before
    `next_claim`, unless entries are released.
    """

    def __init__(  # noqa: PLR0917 - it is made in one place
        self,
        events: InMemoryEventStore,
        known: SubscriptionState,
        replica: str,
        wants: Callable[[str], bool] | None,
        type_of: Callable[[bytes], str] | None,
        claim_seconds: float | None,
    ) -> None:
        self._events = events
        self._known = known
        self._now = events.now
        self._replica = replica
        self._wants = wants
        self._type_of = type_of
        self._claim_seconds = float("inf") if claim_seconds is None else claim_seconds
        self._releases = -1
        self.next_claim = 0.0

    def kept(self, number: int) -> Kept | None:
        """Return the kept or redriven event with this number."""
        return self._events.kept.get(number) or self._known.redriven.get(number)

    def take(self, place: SubscriptionCursor, count: int, max_bytes: int) -> list[Entry]:
        """Read the next entries: up to `count`, and about `max_bytes`, but one at least. The caller holds the lock."""
        entries: list[Entry] = []
        size = 0
        for number, kept, type_ in self._candidates(place):
            size += len(kept.content) if kept else 0
            if len(entries) >= count or (entries and size > max_bytes):
                break
            entries.append(self._deliver(place, number, kept, type_))
        return entries

    def _candidates(self, place: SubscriptionCursor) -> Iterator[_Candidate]:
        """Yield the entries to read, in order, and skip unwanted ones."""
        for number in self._claimable(place):
            kept = self.kept(number)
            yield number, kept, self._type(kept.content) if kept else None
        for number, unread in self.unread(place):
            type_ = self._type(unread.content)
            if self._wants is None or type_ is None or self._wants(type_):
                yield number, unread, type_
            else:
                self._pass(place, number)
                self._known.redriven.pop(number, None)

    def unread(self, place: SubscriptionCursor) -> Iterator[tuple[int, Kept]]:
        """Yield the events that are not read yet, by number: redriven ones, then new ones."""
        for number, kept in list(self._known.redriven.items()):
            if number > place.last_redriven:
                yield number, kept
        for number in range(place.last + 1, self._events.newest + 1):
            if new := self._events.kept.get(number):
                yield number, new

    def _pass(self, place: SubscriptionCursor, number: int) -> None:
        if number in self._known.redriven:
            place.last_redriven = number
        else:
            place.last = number

    def _claimable(self, place: SubscriptionCursor) -> list[int]:
        """Return the pending entries that this replica may read. It is fast while there can be none."""
        now = self._now()
        if self._releases == self._known.releases and now < self.next_claim:
            return []
        found = {number: self._claimable_from(pending) for number, pending in place.pending.items()}
        first = min(found.values(), default=float("inf"))
        self._releases = self._known.releases
        self.next_claim = min(first, now + self._claim_seconds)  # other replicas hold what they read meanwhile
        return sorted(number for number, since in found.items() if since <= now) if first <= now else []

    def _claimable_from(self, pending: Pending) -> float:
        """Return when this replica may read a pending entry."""
        if pending.owner is None or (pending.again and pending.owner == self._replica):
            return 0
        return pending.shown + self._claim_seconds

    def _deliver(self, place: SubscriptionCursor, number: int, kept: Kept | None, type_: str | None) -> Entry:
        before = place.pending.get(number)
        if not before:
            self._pass(place, number)
        since = before.since if before else kept.since if kept else self._now()
        place.pending[number] = Pending(self._replica, self._now(), since)
        entry = Entry(
            number, kept.content if kept else None, type_, redelivered=bool(before), expired=int(kept is None)
        )
        if record := self._known.records.get(number):
            entry.failures, entry.due, entry.begun = record.failures, record.due, record.begun
            entry.recorded = True
        return entry

    def _type(self, content: bytes) -> str | None:
        with suppress(ValueError):
            return self._type_of(content) if self._type_of else None
        return None
