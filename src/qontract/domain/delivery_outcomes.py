"""How the delivery of an event to a subscription ended, and when."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DeliveryOutcome(StrEnum):
    """How a delivery ended. Nothing is recorded for an event that the subscription did not want."""

    HANDLED = "handled"
    DEDUPLICATED = "deduplicated"
    EXPIRED = "expired"


@dataclass(frozen=True)
class EndedDelivery:
    """How a delivery ended, and when, with a time zone. `seconds` is how long the last of the `attempts` took.

    Both are 0 if no handler was run.
    """

    outcome: DeliveryOutcome
    time: datetime
    attempts: int = 0
    seconds: float = 0
