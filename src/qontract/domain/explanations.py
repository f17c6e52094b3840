"""Why an event was delivered, or was not: one verdict for each subscription."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from qontract.domain.dead_letters import DeadLetter, Discarded, Redriven
from qontract.domain.delivery_states import DeliveryState, PendingEntry
from qontract.domain.kept_events import KeptEvent
from qontract.domain.subscriptions import SubscriptionView

Details = Mapping[str, str | int | float | None]


class Verdict(StrEnum):
    """What became of an event for one subscription, or what it still waits for."""

    HANDLED = "handled"
    DEDUPLICATED = "deduplicated"
    NOT_WANTED = "not-wanted"
    SUBSCRIBED_LATER = "subscribed-later"
    NOT_READ_YET = "not-read-yet"
    WAITING_BEHIND = "waiting-behind"
    IN_FLIGHT = "in-flight"
    RETRYING = "retrying"
    PAUSED = "paused"
    NO_REPLICA = "no-replica"
    DEAD_LETTERED = "dead-lettered"
    EXPIRED = "expired"
    UNKNOWN = "unknown"

    @property
    def waits(self) -> bool:
        """Whether the event is still to be handled."""
        return self in _WAITING

    @property
    def is_given_up(self) -> bool:
        """Whether the subscription wanted the event, and does not handle it any more."""
        return self in {Verdict.DEAD_LETTERED, Verdict.EXPIRED}


_WAITING = {
    Verdict.NOT_READ_YET,
    Verdict.WAITING_BEHIND,
    Verdict.IN_FLIGHT,
    Verdict.RETRYING,
    Verdict.PAUSED,
    Verdict.NO_REPLICA,
}


@dataclass(frozen=True)
class Predecessor:
    """The event of the same order key that is handled before this one: its entry, its holder, and its id."""

    pending: PendingEntry
    event_id: str | None


@dataclass(frozen=True)
class DeliveryFacts:
    """What the stores know of an event for one subscription. None: it could not be read, or is not there.

    `predecessor` is the event that it waits for. `letter` is the dead letter that it is now. `redriven` and `discarded`
    say when its last letter was redriven or discarded, and by whom.
    """

    now: datetime
    event_type: str | None
    view: SubscriptionView
    state: DeliveryState
    predecessor: Predecessor | None = None
    letter: DeadLetter | None = None
    redriven: Redriven | None = None
    discarded: Discarded | None = None


@dataclass(frozen=True)
class SubscriptionFinding:
    """The verdict on an event for one subscription, a line that says why, and the next command or step, if any.

    `details` is for scripts: times are RFC 3339. `missing` says what could not be read, and might have said more.
    """

    subscription: str
    verdict: Verdict
    reason: str
    next: str | None = None
    details: Details = field(default_factory=dict)
    missing: tuple[str, ...] = ()


class EventStatus(StrEnum):
    """What became of an event, or of a request for it, before any subscription read it."""

    PUBLISHED = "published"
    SPOOLED_ON = "spooled-on"
    INTENT_PENDING = "intent-pending"
    ACTION_FAILED = "action-failed"
    BLOCKED_BY_GUARD = "blocked-by-guard"
    REFUSED = "refused"
    NEVER_PLANNED = "never-planned"
    DRY_RUN = "dry-run"
    NOT_DONE_YET = "not-done-yet"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class EventExplanation:
    """What is known of an event: whether it was published, and what each subscription did with it.

    `event` is the event; None if its bytes are gone. `entry` is its entry in the log; "" if it has none. `reason` and
    `next` explain its `status`. `findings` has one finding for each subscription, by name. `missing` says what could
    not be read, or not to the end. `job` is the id of the job that published it, if that is known.
    """

    status: EventStatus
    reason: str
    event: KeptEvent | None = None
    entry: str = ""
    next: str | None = None
    findings: tuple[SubscriptionFinding, ...] = ()
    missing: tuple[str, ...] = ()
    job: str = ""
