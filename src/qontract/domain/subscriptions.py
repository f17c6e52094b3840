"""Views of subscriptions for people who look at them: what is known of a subscription, and how well it is."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

ALIVE_SECONDS = 30.0
"""How long a replica may show no life. A living one shows it every few seconds."""
BEHIND_SECONDS = 900.0
"""A subscription is behind if its oldest event that is not acknowledged is older than this."""


@dataclass(frozen=True)
class Pause:
    """Since when a subscription is paused, and by whom; None and "" if not known."""

    since: datetime | None
    by: str


@dataclass(frozen=True)
class Replica:
    """A replica that reads the subscription: its name, how long ago it last did, and how many events it holds."""

    name: str
    idle_seconds: float
    in_flight: int


@dataclass(frozen=True)
class SubscriptionView:
    """What is known of a subscription.

    - `made`: it has a place in the log; without a place, the numbers are 0.
    - `lag`: events that are not read yet. `pending`: events that are read, and not acknowledged; `failing`: those of
      them with a recorded attempt. `oldest_seconds`: the age of the oldest event that is not acknowledged.
    - `position`: the entry up to which it has read.
    - `replicas` read it; `leader` is the name of the one that leads, "" if none does.
    - `alive_seconds`: how long ago a replica last showed life; None if not known.
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
        """How many events its living replicas hold: in a handler, or waiting for their turn."""
        return sum(replica.in_flight for replica in self.replicas if replica.idle_seconds <= ALIVE_SECONDS)

    @property
    def is_read(self) -> bool:
        """Whether a replica leads it, or read it a moment ago."""
        return bool(self.leader) or any(replica.idle_seconds <= ALIVE_SECONDS for replica in self.replicas)

    @property
    def is_run(self) -> bool:
        """Whether a replica runs it, even if the replica stands by, or the subscription is paused."""
        return self.is_read or (self.alive_seconds is not None and self.alive_seconds <= ALIVE_SECONDS)

    @property
    def busy(self) -> str:
        """Why it cannot be removed now: a replica works on it. "" if none does."""
        if self.leader:
            return f"the replica {self.leader} leads it"
        return "a replica runs it" if self.alive_seconds is not None and self.alive_seconds <= ALIVE_SECONDS else ""


class State(StrEnum):
    """How well a subscription is."""

    RUNNING = "running"
    BEHIND = "behind"
    STANDING_BY = "standing by"
    NO_REPLICA = "no replica"
    ABANDONED = "abandoned"
    PAUSED = "paused"


def state_of(view: SubscriptionView, abandoned_seconds: float) -> tuple[State, str]:
    """Return the state of a subscription, and one line that says why. If several hold, the most urgent one counts.

    After `abandoned_seconds` without a sign of life, a subscription does not hold back the trimming of events any more.
    """
    if view.paused:
        return State.PAUSED, _why_paused(view, view.paused, abandoned_seconds)
    silent = view.alive_seconds
    if silent is not None and silent > abandoned_seconds and not view.is_read:
        return State.ABANDONED, f"nobody has run it for {duration(silent)}; events are no longer kept for it"
    if not view.is_run:
        return State.NO_REPLICA, why_not_run(view)
    if not view.is_read:
        return State.STANDING_BY, "a replica runs it, and none reads it; one takes the lease within seconds, or cannot"
    if view.oldest_seconds > BEHIND_SECONDS:
        waits = f"{view.failing} wait for another attempt" if view.failing else "none has failed: the handler is slow"
        return State.BEHIND, f"its oldest event is {duration(view.oldest_seconds)} old; {waits}"
    return State.RUNNING, f"{view.leader} leads it" if view.leader else "replicas share it"


def why_not_run(view: SubscriptionView) -> str:
    """Return a line about a subscription that no replica runs: since when, and whether its place is lost."""
    silent = view.alive_seconds
    since = "nobody has ever run it" if silent is None else f"nobody has run it for {duration(silent)}"
    return since if view.made else f"its place is lost, and {since}"


_NEXT = {
    State.BEHIND: "look for `attempt failed` in the log of the replica that leads it",
    State.STANDING_BY: "if it stays so, look for `replica lost the lease` and `event log request failed` in the logs",
    State.NO_REPLICA: (
        "start a subscriber that has its handler; if it is gone for good: qontract subscriptions remove {name}"
    ),
    State.ABANDONED: "run it, or `qontract subscriptions remove {name}`",
    State.PAUSED: "qontract subscriptions resume {name}",
}
"""What to do next in each state but `RUNNING`."""


def next_step(state: State, name: str) -> str | None:
    """Return what to do next, or None."""
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
    """Return a number of seconds as people say it, in its two largest units: `2 h 5 min`."""
    rest = int(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        number, rest = divmod(rest, size)
        if number or parts:
            parts.append(f"{number} {unit}" if number else "")
    return " ".join(part for part in parts[:2] if part) or "0 s"


@dataclass(frozen=True)
class SeekPreview:
    """The effect of moving a subscription's place.

    `position`: the entry up to which it counts as read. `again`: events that it would read a second time. `skipped`:
    events that it would never read, or never finish. `more`: there are more than were counted.
    """

    position: str
    again: int
    skipped: int
    more: bool = False
