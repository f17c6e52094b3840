"""What the log knows of one event for one subscription."""

from dataclasses import dataclass
from datetime import datetime

from qontract.domain.dead_letters import FailedAttempt
from qontract.domain.endings import Ended


@dataclass(frozen=True)
class Interest:
    """What a subscription asked for when it was last run: the types (`*` is any text), and how many attempts.

    `shared`: replicas compete, and no event waits for another one.
    """

    types: tuple[str, ...]
    max_attempts: int
    shared: bool = False


@dataclass(frozen=True)
class Beginning:
    """When the place of a subscription was made, or moved by somebody, so that this event is before it."""

    time: datetime
    moved: bool


@dataclass(frozen=True)
class Held:
    """An entry that was read and is not acknowledged.

    `replica` has it; `seconds` ago it was given it, or last showed to be working on it. What is on record of attempts:
    the `failures`, when the next one is `due`, when one was `begun` that has not ended; None: nothing.
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

    `is_kept`: its bytes are there. `is_read`: the subscription has read as far; `unread_before`: how many events it has
    to read before this one, at least. `later`: its place begins after this event. `held`: it was read, and is not
    acknowledged; then `ahead` has what was read before it and is not acknowledged either, in order, and `ahead_more`
    says that not all of that is there. `is_redriven`: it was given back, and all of this is about that.
    `ended`: how it ended, the last time that it was handled or, if it was not, the last time. `missing` says what could
    not be read, or not to the end.
    """

    interest: Interest | None = None
    is_kept: bool = True
    is_read: bool = False
    unread_before: int = 0
    later: Beginning | None = None
    held: Held | None = None
    ahead: tuple[Held, ...] = ()
    ahead_more: bool = False
    is_redriven: bool = False
    ended: Ended | None = None
    missing: tuple[str, ...] = ()
