"""Subscriptions, as somebody looks at them who runs none: what is known of one, and how well it is."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

ALIVE_SECONDS = 30.0
"""For how long a replica may show no life: each shows it every few seconds."""
BEHIND_SECONDS = 900.0
"""How old the oldest event may be that is not acknowledged, until its subscription is called behind."""


@dataclass(frozen=True)
class Pause:
    """Since when, and by whom, a subscription is paused; None and "" where that is not known."""

    since: datetime | None
    by: str


@dataclass(frozen=True)
class Replica:
    """One that reads the subscription: its name, since how many seconds it has not, and what it holds."""

    name: str
    idle_seconds: float
    in_flight: int


@dataclass(frozen=True)
class SubscriptionView:
    """What is known of a subscription.

    `made`: it has a place in the log; without one the numbers are 0. `lag`: events not read yet. `pending`: read, and
    not acknowledged. `failing`: of these, those of which an attempt is on record. `oldest_seconds`: age of the oldest
    that is not acknowledged. `position`: the entry up to which it has read. `replicas` are those that read it;
    `leader` leads it, "" if none does. `alive_seconds`: since when none showed life; None if that is not known.
    """

    name: str
    made: bool = True
    lag: int = 0
    pending: int = 0
    failing: int = 0
    oldest_seconds: float = 0
    dead_letters: int = 0
    redriven: int = 0
    position: str = ""
    replicas: tuple[Replica, ...] = ()
    leader: str = ""
    alive_seconds: float | None = None
    paused: Pause | None = None

    @property
    def in_flight(self) -> int:
        """How many events the replicas hold that read it now: at work, or waiting for their turn."""
        return sum(replica.in_flight for replica in self.replicas if replica.idle_seconds <= ALIVE_SECONDS)

    @property
    def is_read(self) -> bool:
        """Whether a replica leads it, or has read it a moment ago."""
        return bool(self.leader) or any(replica.idle_seconds <= ALIVE_SECONDS for replica in self.replicas)

    @property
    def is_run(self) -> bool:
        """Whether a replica runs it, be it that it stands by, or that somebody paused it."""
        return self.is_read or (self.alive_seconds is not None and self.alive_seconds <= ALIVE_SECONDS)


class State(StrEnum):
    """How well a subscription is."""

    RUNNING = "running"
    BEHIND = "behind"
    STANDING_BY = "standing by"
    NO_REPLICA = "no replica"
    ABANDONED = "abandoned"
    PAUSED = "paused"


def state_of(view: SubscriptionView, abandoned_seconds: float) -> tuple[State, str]:
    """Return the state of a subscription and one line that says why; of several, what has to be mended first.

    After `abandoned_seconds` without a sign of life a subscription no longer keeps events.
    """
    if view.paused:
        return State.PAUSED, _why_paused(view, view.paused, abandoned_seconds)
    silent = view.alive_seconds
    if silent is not None and silent > abandoned_seconds and not view.is_read:
        return State.ABANDONED, f"nobody has run it for {duration(silent)}; events are no longer kept for it"
    if not view.is_run:
        seen = "nobody has ever run it" if silent is None else f"nobody has run it for {duration(silent)}"
        return State.NO_REPLICA, seen if view.made else f"its place is lost, and {seen}"
    if not view.is_read:
        return State.STANDING_BY, "a replica runs it, and none reads it; one takes the lease within seconds, or cannot"
    if view.oldest_seconds > BEHIND_SECONDS:
        waits = f"{view.failing} wait for another attempt" if view.failing else "none has failed: the handler is slow"
        return State.BEHIND, f"its oldest event is {duration(view.oldest_seconds)} old; {waits}"
    return State.RUNNING, f"{view.leader} leads it" if view.leader else "replicas share it"


_NEXT = {
    State.BEHIND: "look for `handler failed` in the log of the replica that leads it",
    State.STANDING_BY: "if it stays so, look for `replica lost the lease` and `event log does not answer` in the logs",
    State.NO_REPLICA: (
        "start a subscriber that has its handler; if it is gone for good: qontract subscriptions remove {name}"
    ),
    State.ABANDONED: "run it, or `qontract subscriptions remove {name}`",
    State.PAUSED: "qontract subscriptions resume {name}",
}
"""What to do where a subscription is not running."""


def next_step(state: State, name: str) -> str | None:
    """Return what to do next; None if there is nothing to do."""
    return _NEXT[state].format(name=name) if state in _NEXT else None


def _why_paused(view: SubscriptionView, pause: Pause, abandoned_seconds: float) -> str:
    by = f"by {pause.by}" if pause.by else "by somebody"
    since = f" since {pause.since:%Y-%m-%d %H:%M:%S} UTC" if pause.since else ""
    if view.leader:
        return f"{by}{since}; handlers at work finish"
    if view.alive_seconds is not None and view.alive_seconds > abandoned_seconds:
        return f"{by}{since}; nobody runs it, and events are no longer kept for it"
    return f"{by}{since}"


def duration(seconds: float) -> str:
    """Return a number of seconds as people say it, in whole units: the largest two."""
    rest = int(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        number, rest = divmod(rest, size)
        if number or parts:
            parts.append(f"{number} {unit}" if number else "")
    return " ".join(part for part in parts[:2] if part) or "0 s"


@dataclass(frozen=True)
class Move:
    """What it means to move a subscription's place, as far as it was counted.

    `position`: the entry up to which it would have read. `again`: events that it has read and would get again.
    `skipped`: events that it would not get, or not to the end. `more`: there are more than were counted.
    """

    position: str
    again: int
    skipped: int
    more: bool = False
