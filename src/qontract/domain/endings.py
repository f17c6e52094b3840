"""How an event ended for one subscription, and when."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Ending(StrEnum):
    """What is kept of an event that a subscription is done with; of one that was not wanted, nothing is."""

    HANDLED = "handled"
    DEDUPLICATED = "deduplicated"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Ended:
    """How an event ended, and when, with a time zone; after how many attempts, the last of which took so many seconds.

    `attempts` and `seconds` are 0 if no handler was run.
    """

    ending: Ending
    time: datetime
    attempts: int = 0
    seconds: float = 0
