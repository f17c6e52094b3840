"""In memory: the subscriptions, for people who look at them and control them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from qontract.adapters.memory import faults
from qontract.adapters.memory.event_store import InMemoryEventStore, Kept, SubscriptionCursor, SubscriptionState
from qontract.application.ports.subscriptions import BusyError, Subscriptions, Target
from qontract.domain.subscriptions import Pause, Replica, SeekPreview, SubscriptionView


class InMemorySubscriptions(Subscriptions):
    """The subscriptions of `events`, whose time begins at `began`.

    A replica runs a subscription from the `open` of its view until the `close`.
    """

    fail = faults.fail

    def __init__(self, events: InMemoryEventStore, began: datetime | None = None) -> None:
        self._events = events
        self._began = began or datetime.now(UTC)

    def all(self) -> Sequence[SubscriptionView]:
        """Return all subscriptions, by name."""
        with self._events.lock:
            known = sorted(self._events.subscriptions.items())
            return [self._view(name, one, one.place) for name, one in known if one.place or one.paused]

    def get(self, name: str) -> SubscriptionView | None:
        """Return one subscription."""
        with self._events.lock:
            one = self._events.subscriptions.get(name)
            return self._view(name, one, one.place) if one and (one.place or one.paused) else None

    def pause(self, name: str, by: str) -> bool:
        """Pause it."""
        with self._events.lock:
            one = self._events.of(name)
            if one.paused:
                return False
            one.paused = Pause(datetime.now(UTC), by)
            return True

    def resume(self, name: str) -> bool:
        """Resume it."""
        with self._events.lock:
            one = self._events.of(name)
            was, one.paused = one.paused, None
            return was is not None

    def preview(self, name: str, target: Target) -> SeekPreview | None:
        """Count what `seek` would do."""
        with self._events.lock:
            place = self._place(name)
            if place is None:
                return None
            position = self._position(target)
            low, high = sorted((position, place.last))
            between = sum(low < number <= high for number in self._events.kept)
            pending = sum(number <= position for number in place.pending if number in self._events.kept)
            is_ahead = position >= place.last
            return SeekPreview(str(position), 0 if is_ahead else between, pending + (between if is_ahead else 0))

    def seek(self, name: str, target: Target) -> bool:
        """Move its place, and forget its pending entries."""
        with self._events.lock:
            place = self._place(name)
            if place is None:
                return False
            one = self._events.of(name)
            self._refuse_if_led(one)
            if place.replicas and not one.paused:
                raise BusyError("a replica runs it")
            place.last = self._position(target)
            one.begins = (place.last + 1, self._events.now(), True)
            for number in [number for number in place.pending if number not in one.redriven]:
                del place.pending[number]
                one.records.pop(number, None)
        self._events.wake()
        return True

    def remove(self, name: str) -> bool:
        """Remove it."""
        with self._events.lock:
            one = self._events.subscriptions.get(name)
            if one is None or not (one.place or one.paused):
                return False
            self._refuse_if_led(one)
            if one.place and one.place.replicas:
                raise BusyError("a replica runs it")
            one.place = one.paused = one.begins = None
            one.redriven.clear()
            one.records.clear()
            one.outcomes.clear()
            return True

    def _place(self, name: str) -> SubscriptionCursor | None:
        one = self._events.subscriptions.get(name)
        return one.place if one else None

    def _refuse_if_led(self, one: SubscriptionState) -> None:
        if leader := self._leader(one):
            raise BusyError(f"the replica {leader} leads it")

    def _leader(self, one: SubscriptionState) -> str:
        return one.leader[0] if one.leader[1] > self._events.now() else ""

    def _position(self, target: Target) -> int:
        """Return the number of the last event before the target."""
        if target == "start":
            return 0
        if target == "end":
            return self._events.newest
        first = (number for number, kept in sorted(self._events.kept.items()) if self._time(kept) >= target)
        return next(first, self._events.newest + 1) - 1

    def _time(self, kept: Kept) -> datetime:
        return datetime.fromtimestamp(self._began.timestamp() + kept.since, UTC)

    def _view(self, name: str, one: SubscriptionState, place: SubscriptionCursor | None) -> SubscriptionView:
        letters = sum(letter.subscription == name for letter in self._events.letters.values())
        if place is None:
            return SubscriptionView(name, made=False, dead_letters=letters, paused=one.paused)
        now = self._events.now()
        unread = [kept.since for number, kept in self._events.kept.items() if number > place.last]
        unread += [kept.since for number, kept in one.redriven.items() if number > place.last_redriven]
        oldest = min([*unread, *(pending.since for pending in place.pending.values())], default=now)
        held = [pending.owner for pending in place.pending.values()]
        return SubscriptionView(
            name,
            lag=len(unread),
            pending=len(place.pending),
            failing=len(one.records),
            oldest_seconds=now - oldest,
            dead_letters=letters,
            redriven=len(one.redriven),
            position=str(place.last),
            replicas=tuple(Replica(replica, 0.0, held.count(replica)) for replica in sorted(place.replicas)),
            leader=self._leader(one),
            alive_seconds=0.0 if place.replicas else None,
            paused=one.paused,
        )
