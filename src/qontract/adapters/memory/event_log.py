"""In memory: the kept events, as one replica of one subscription sees them."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress

from qontract.adapters.memory import faults
from qontract.adapters.memory.event_store import AttemptRecord, InMemoryEventStore, Pending, SubscriptionCursor
from qontract.adapters.memory.reader import ReplicaReader
from qontract.application.ports.event_log import (
    Entry,
    EventLog,
    EventLogError,
    LeaseLostError,
    LogWentBackError,
    Measures,
    PlaceLostError,
)
from qontract.domain.delivery_states import SubscriptionFilter

_TICK_SECONDS = 1e-6
"""The shortest wait. With a rounding error, a wait might take no time, again and again."""


class InMemoryEventLog(EventLog):
    """One replica's view of the `events`, which all replicas share.

    Entries whose types `wants` refuses are acknowledged without being read. It needs `type_of`, which returns the type
    of an event's bytes, and raises ValueError if they have none: such entries are read. A `shared` view claims entries
    without a heartbeat for `claim_seconds`. Time is that of the running loop, which may be virtual. Each call lets
    other tasks run.
    """

    fail = faults.fail

    def __init__(
        self,
        events: InMemoryEventStore,
        subscription: str = "audit-log",
        replica: str = "one",
        *,
        shared: bool = False,
        wants: Callable[[str], bool] | None = None,
        type_of: Callable[[bytes], str] | None = None,
        claim_seconds: float = 30.0,
        wanted: SubscriptionFilter | None = None,
    ) -> None:
        self._events = events
        self._name = subscription
        self._replica = replica
        self._shared = shared
        self._wanted = wanted
        self._known = events.of(subscription)
        self._now = events.now
        self._reader = ReplicaReader(events, self._known, replica, wants, type_of, claim_seconds if shared else None)
        self._history, self._newest_read = events.history, 0

    async def open(self) -> bool:
        """Make the subscription if it is missing; return whether it was."""
        await asyncio.sleep(0)
        with self._events.lock:
            self._known.begins = self._known.begins or (self._events.oldest, self._now(), False)
            return self._known.open(self._replica, self._wanted)

    async def lead(self, seconds: float) -> bool:
        """Lead for so long from now, unless another replica leads; return whether this replica leads."""
        called = self._now()
        await asyncio.sleep(0)
        with self._events.lock:
            if self._another_leads():
                return False
            self._known.leader = (self._replica, called + seconds)
        return True

    async def abdicate(self) -> None:
        """Do not lead any more."""
        await asyncio.sleep(0)
        with self._events.lock:
            if self._known.leader[0] == self._replica:
                self._known.leader = ("", 0)

    async def paused(self) -> bool:
        """Return whether the subscription is paused."""
        await asyncio.sleep(0)
        return self._events.of(self._name).paused is not None

    async def claim_all(self) -> None:
        """Claim everything that is not acknowledged."""
        await asyncio.sleep(0)
        with self._events.lock:
            for pending in self._place_of_a_leader().pending.values():
                pending.owner, pending.shown, pending.again = self._replica, self._now(), True
            self._known.releases += 1

    async def read(self, count: int, max_bytes: int, wait: float) -> Sequence[Entry]:
        """Return entries to deliver: first those to deliver again, then redriven ones, then new ones."""
        deadline = self._now() + wait
        await asyncio.sleep(0)
        with self._events.waiting() as changed:
            while True:
                changed.clear()
                with self._events.lock:
                    place = self._place_of_a_leader()
                    self._notice_history()
                    entries = self._reader.take(place, count, max_bytes)
                    self._newest_read = place.last
                left = deadline - self._now()
                if entries or left <= 0:
                    return entries
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(_TICK_SECONDS, min(left, self._reader.next_claim - self._now()))):
                        await changed.wait()

    async def content_of(self, entry: Entry) -> bytes | None:
        """Read the bytes of an entry again; None if the event is gone."""
        await asyncio.sleep(0)
        kept = self._reader.kept(_number(entry))
        return kept.content if kept else None

    async def acknowledge(self, entries: Collection[Entry]) -> None:
        """End the entries."""
        await asyncio.sleep(0)
        with self._events.lock:
            place = self._place()
            for entry in entries:
                number = _number(entry)
                self._known.keep_ending(entry, number)
                self._end(place, number)

    async def record(self, entries: Collection[Entry]) -> None:
        """Record the attempts at the entries that have not ended."""
        await asyncio.sleep(0)
        with self._events.lock:
            place = self._place()
            for entry in entries:
                if (number := _number(entry)) in place.pending:
                    self._known.records[number] = AttemptRecord(entry.failures, entry.due, entry.begun)
                    entry.recorded = True

    async def dead_letter(self, entry: Entry) -> None:
        """Dead-letter the entry."""
        content = await self.content_of(entry) if entry.content is None else entry.content
        with self._events.lock:
            place = self._place()
            number = _number(entry)
            before = self._known.redriven.get(number)
            first = before.entry if before and before.entry else str(entry.key)
            redriven = before.redriven if before else None
            self._events.add_letter(self._name, content or b"", entry.failures, first, redriven)
            self._end(place, number)

    async def heartbeat(self, entries: Collection[Entry]) -> None:
        """Show that the entries are being worked on."""
        await asyncio.sleep(0)
        with self._events.lock:
            for pending in self._mine(self._place(), entries):
                pending.shown = self._now()

    async def release(self, entries: Collection[Entry]) -> None:
        """Release the entries."""
        await asyncio.sleep(0)
        with self._events.lock:
            for pending in self._mine(self._place_of_a_leader(), entries):
                pending.owner = None
            self._known.releases += 1
        self._events.wake()

    async def remember(self, ids: Collection[str], seconds: float) -> None:
        """Remember ids of handled events, and forget those whose time is over."""
        await asyncio.sleep(0)
        with self._events.lock:
            still = {id_: until for id_, until in self._known.remembered.items() if until > self._now()}
            self._known.remembered = still | dict.fromkeys(ids, self._now() + seconds)

    async def known(self, event_id: str) -> bool:
        """Return whether the id is remembered."""
        await asyncio.sleep(0)
        return self._known.remembered.get(event_id, 0) > self._now()

    async def measures(self) -> Measures:
        """Return how far the subscription has come."""
        await asyncio.sleep(0)
        with self._events.lock:
            place = self._place()
            unread = [kept.since for _, kept in self._reader.unread(place)]
            oldest = min([*unread, *(pending.since for pending in place.pending.values())], default=self._now())
            letters = sum(letter.subscription == self._name for letter in self._events.letters.values())
            return Measures(len(unread), len(place.pending), self._now() - oldest, letters, len(place.replicas))

    async def close(self) -> None:
        """Remove this replica from the subscription, unless it holds entries."""
        await asyncio.sleep(0)
        with self._events.lock:
            place = self._known.place
            if place and all(pending.owner != self._replica for pending in place.pending.values()):
                place.replicas.discard(self._replica)

    def _place(self) -> SubscriptionCursor:
        if self._known.place is None:
            raise PlaceLostError(f"the place of the subscription {self._name} is lost")
        return self._known.place

    def _place_of_a_leader(self) -> SubscriptionCursor:
        if not self._shared and self._another_leads():
            raise LeaseLostError(f"another replica leads the subscription {self._name}: {self._known.leader[0]}")
        return self._place()

    def _notice_history(self) -> None:
        before, self._history = self._history, self._events.history
        if before != self._history:
            if self._events.newest < self._newest_read:
                raise LogWentBackError("the events went back")
            raise PlaceLostError("the events have another history")

    def _another_leads(self) -> bool:
        leader, until = self._known.leader
        return leader != self._replica and until > self._now()

    def _mine(self, place: SubscriptionCursor, entries: Collection[Entry]) -> Iterator[Pending]:
        for entry in entries:
            pending = place.pending.get(_number(entry))
            if pending and pending.owner == self._replica:
                yield pending

    def _end(self, place: SubscriptionCursor, number: int) -> None:
        if place.pending.pop(number, None):
            self._known.redriven.pop(number, None)
            self._known.records.pop(number, None)


def _number(entry: Entry) -> int:
    if not isinstance(entry.key, int):
        raise EventLogError(f"no entry of this log: {entry.key}")
    return entry.key
