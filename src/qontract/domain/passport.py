"""The passport of an event: what became of it, for each subscription."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from qontract.domain.dead_letters import DeadLetter, Discarded, Redriven
from qontract.domain.delivery_states import DeliveryState, Held
from qontract.domain.kept_events import KeptEvent
from qontract.domain.subscriptions import SubscriptionView

Details = Mapping[str, str | int | float | None]


class Verdict(StrEnum):
    """What became of an event for one subscription; or what the rest has to wait for."""

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
        """Whether something is still to come, or to be done."""
        return self in _WAITING

    @property
    def is_given_up(self) -> bool:
        """Whether the subscription will not handle it, though it wants it."""
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
class Before:
    """The event of the same order key that has to end first: its entry and id, and who holds it."""

    held: Held
    event_id: str | None


@dataclass(frozen=True)
class Facts:
    """What was read about an event for one subscription. What is None could not be read, or is not there.

    `before`: what it waits for, if it does. `letter`: the dead letter that it is now. `redriven`: when it was last
    given back, and by whom; `discarded`: when its last letter was removed, and by whom.
    """

    now: datetime
    event_type: str | None
    view: SubscriptionView
    state: DeliveryState
    before: Before | None = None
    letter: DeadLetter | None = None
    redriven: Redriven | None = None
    discarded: Discarded | None = None


@dataclass(frozen=True)
class Finding:
    """The verdict on an event for one subscription: a line that says why, and the next command or step, if any.

    `details` is for scripts: times are RFC 3339. `missing`: what could not be read, and might have said more.
    """

    subscription: str
    verdict: Verdict
    reason: str
    next: str | None = None
    details: Details = field(default_factory=dict)
    missing: tuple[str, ...] = ()


class Fate(StrEnum):
    """What became of an event, or of what was asked for, before any subscription has to do with it."""

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
class Passport:
    """What is known of an event, from its birth to each subscription.

    `event` is what was kept, or waits to be; None if its bytes are gone. `entry` is where it is, or was, in the log; ""
    if it is not there. `reason` and `next` are about its `fate`; `findings` are those of the subscriptions, by name.
    `missing` says what could not be read, or not to the end. `job` is the one that it is of, where that is known.
    """

    fate: Fate
    reason: str
    event: KeptEvent | None = None
    entry: str = ""
    next: str | None = None
    findings: tuple[Finding, ...] = ()
    missing: tuple[str, ...] = ()
    job: str = ""
