"""What is counted of a subscription, and logged when it is counted."""

import logging
from collections.abc import Callable
from enum import StrEnum

from qontract.application.ports.event_log import Entry
from qontract.domain.delivery_outcomes import DeliveryOutcome

log = logging.getLogger(__name__)


class DeliveryCount(StrEnum):
    """The counters of a subscription."""

    HANDLED = "events_handled"
    FAILED = "attempts_failed"
    RETRIED = "attempts_retried"
    DEAD_LETTERED = "events_dead_lettered"
    DEDUPLICATED = "events_deduplicated"
    CLAIMED = "events_claimed"
    EXPIRED = "events_expired"
    REBUILT = "subscriptions_rebuilt"
    REWOUND = "streams_rewound"
    STUCK = "handlers_stuck"


CountDelivery = Callable[[DeliveryCount, int], object]


def report_expired(entry: Entry, subscription: str, count: CountDelivery, now: float) -> None:
    """Log and count an entry that vanished from the log before it was acknowledged; it may stand for several."""
    entry.outcome, entry.ended = DeliveryOutcome.EXPIRED, now
    number = entry.expired or 1
    count(DeliveryCount.EXPIRED, number)
    extra = {"subscription": subscription, "entry": str(entry.key), "count": number}
    log.error("event expired before it was handled", extra=extra)


def report_rebuilt(subscription: str, count: CountDelivery) -> None:
    """Log and count that a subscription had lost its place."""
    count(DeliveryCount.REBUILT, 1)
    log.error("subscription rebuilt; it had lost its place", extra={"subscription": subscription})
