"""Where one event is for one subscription, as the log knows it."""

from dataclasses import dataclass
from datetime import datetime

from qontract.domain.dead_letters import FailedAttempt
from qontract.domain.delivery_outcomes import EndedDelivery


@dataclass(frozen=True)
class SubscriptionFilter:
    """What a subscription wanted when it last ran: the event types (`*` is any text), and how many attempts.

    `shared`: replicas compete for events, and no event waits for another one.
    """

    types: tuple[str, ...]
    max_attempts: int
    shared: bool = False


@dataclass(frozen=True)
class SubscriptionStart:
    """When the subscription's place was made, or moved, to an entry after this event."""

    time: datetime
    moved: bool


@dataclass(frozen=True)
class PendingEntry:
    """An entry that was read and is not acknowledged.

    `replica` holds it, and got it, or last sent a heartbeat for it, `seconds` ago. The record of its attempts says
    which `failures` there were, when the next attempt is `due`, and when a running one has `begun`; None: not recorded.
    """

    entry: str
    replica: str
    seconds: float
    failures: tuple[FailedAttempt, ...] = ()
    due: datetime | None = None
    begun: datetime | None = None


@dataclass(frozen=True)
class DeliveryState:
    """What the log knows.

    - `is_kept`: the event's bytes are still in the log.
    - `is_read`: the subscription has read this entry. `unread_before`: at least so many entries come before it.
    - `later`: the subscription's place begins after this event.
    - `pending`: the event was read, and is not acknowledged. `ahead` has the entries that were read earlier, and are
      not acknowledged either, in order; `ahead_more` says that there are more of these.
    - `is_redriven`: the event was redriven, and all of this is about the redriven one.
    - `ended`: how it was last handled; if it never was, how it last ended.
    - `missing` says what could not be read, or not to the end.
    """

    wanted: SubscriptionFilter | None = None
    is_kept: bool = True
    is_read: bool = False
    unread_before: int = 0
    later: SubscriptionStart | None = None
    pending: PendingEntry | None = None
    ahead: tuple[PendingEntry, ...] = ()
    ahead_more: bool = False
    is_redriven: bool = False
    ended: EndedDelivery | None = None
    missing: tuple[str, ...] = ()

    @property
    def is_to_come(self) -> bool:
        """Whether the event is still to be handled, or to be handled again."""
        return self.pending is not None or self.is_redriven or (self.is_kept and not self.is_read)
