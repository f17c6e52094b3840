"""In memory: where an event is for one subscription."""

import json
from datetime import UTC, datetime, timedelta

from qontract.adapters.memory import faults
from qontract.adapters.memory.event_store import InMemoryEventStore, SubscriptionCursor, SubscriptionState
from qontract.application.ports.delivery_states import DeliveryStates
from qontract.domain.delivery_states import DeliveryState, PendingEntry, SubscriptionStart


class InMemoryDeliveryStates(DeliveryStates):
    """Where the events of `events` are. Their time begins at `began`; `source` is the source of this deployment."""

    fail = faults.fail

    def __init__(
        self, events: InMemoryEventStore, began: datetime | None = None, *, source: str = "qontract-api"
    ) -> None:
        self._events = events
        self._began = began or datetime.now(UTC)
        self._source = source

    def state(self, subscription: str, entry: str) -> DeliveryState:
        """Return where the event is."""
        one = self._events.subscriptions.get(subscription)
        if not (entry.isascii() and entry.isdecimal() and int(entry) <= self._events.newest):
            return DeliveryState(is_kept=False)
        with self._events.lock:
            is_kept = int(entry) in self._events.kept
            return self._state(one, one.place, int(entry)) if one and one.place else DeliveryState(is_kept=is_kept)

    def _state(self, one: SubscriptionState, place: SubscriptionCursor, number: int) -> DeliveryState:
        redriven = next((new for new, kept in reversed(one.redriven.items()) if kept.entry == str(number)), None)
        pending = self._entry(one, place, redriven or number)
        is_shared = bool(one.wanted and one.wanted.shared)
        before = [self._entry(one, place, other) for other in sorted(place.pending) if other < number]
        begins, made, moved = one.begins or (0, 0.0, False)
        return DeliveryState(
            wanted=one.wanted,
            is_kept=number in self._events.kept,
            is_read=number <= place.last,
            unread_before=0 if redriven else sum(place.last < other < number for other in self._events.kept),
            later=SubscriptionStart(self._began + timedelta(seconds=made), moved) if number < begins else None,
            pending=pending,
            ahead=tuple(each for each in before if each) if pending and not is_shared and not redriven else (),
            is_redriven=redriven is not None,
            ended=one.outcomes.get(str(number)),
        )

    def entry_of(self, event_id: str, source: str | None = None) -> str | None:
        """Search the kept events."""
        with self._events.lock:
            for number, kept in self._events.kept.items():
                try:
                    event = json.loads(kept.content)
                except (ValueError, RecursionError):
                    continue
                if isinstance(event, dict) and (event.get("id"), event.get("source")) == (
                    event_id,
                    source or self._source,
                ):
                    return str(number)
        return None

    def _entry(self, one: SubscriptionState, place: SubscriptionCursor, number: int) -> PendingEntry | None:
        pending, record = place.pending.get(number), one.records.get(number)
        if pending is None:
            return None
        seconds = self._events.now() - pending.shown
        if record is None:
            return PendingEntry(str(number), pending.owner or "nobody", seconds)
        due, begun = (self._moment(time) if time else None for time in (record.due, record.begun))
        return PendingEntry(str(number), pending.owner or "nobody", seconds, record.failures, due, begun)

    def _moment(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, UTC)
