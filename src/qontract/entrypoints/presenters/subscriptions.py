"""A subscription, as JSON and as lines for people."""

from collections.abc import Iterable, Iterator
from typing import Any

from qontract.application.control.subscriptions import SubscriptionStatus
from qontract.domain.subscriptions import duration, next_step
from qontract.entrypoints.terminal_text import safe, table


def record(known: SubscriptionStatus) -> dict[str, Any]:
    """Return all that is known of a subscription, for JSON. Times are in seconds."""
    view = known.view
    paused = view.paused
    return {
        "name": view.name,
        "state": known.state.value,
        "reason": known.reason,
        "next": next_step(known.state, view.name),
        "lag": view.lag,
        "pending": view.pending,
        "in_flight": view.in_flight,
        "failing": view.failing,
        "redriven": view.redriven,
        "oldest_seconds": view.oldest_seconds,
        "dead_letters": view.dead_letters,
        "position": view.position,
        "leader": view.leader or None,
        "alive_seconds": view.alive_seconds,
        "replicas": [
            {"name": one.name, "idle_seconds": one.idle_seconds, "in_flight": one.in_flight} for one in view.replicas
        ],
        "paused": {"since": paused.since.isoformat() if paused.since else None, "by": paused.by} if paused else None,
    }


def listed(known: Iterable[SubscriptionStatus], columns: int | None) -> Iterator[str]:
    """Yield the lines of a list that fit so many columns. None: nothing is cut."""
    yield from table(("NAME", "STATE", "LAG", "IN FLIGHT", "OLDEST", "DEAD", "LED BY"), map(_row, known), columns)


def _row(known: SubscriptionStatus) -> tuple[object, ...]:
    view = known.view
    waits = view.lag + view.pending > 0
    led_by = view.leader or (f"{len(view.replicas)} share" if view.is_read else "-")
    oldest = duration(view.oldest_seconds) if waits else "-"
    return view.name, known.state, view.lag, view.in_flight, oldest, view.dead_letters, led_by


def lines(known: SubscriptionStatus) -> Iterator[str]:
    """Yield all that is known of a subscription, in lines that a terminal only shows."""
    view = known.view
    waits = view.lag + view.pending > 0
    about = {
        "state": f"{known.state}: {known.reason}",
        "lag": f"{view.lag} not read yet",
        "pending": f"{view.pending} read and not acknowledged; {view.in_flight} in flight, {view.failing} failing",
        "oldest": f"{duration(view.oldest_seconds)} old" if waits else "-",
        "redriven": view.redriven,
        "dead": f"{view.dead_letters} dead letters",
        "position": view.position or "-",
        "led by": view.leader or "-",
        "replicas": len(view.replicas),
    }
    yield safe(view.name)
    for name, value in about.items():
        yield f"  {name:9} {safe(value)}"
    for one in view.replicas:
        yield f"            {safe(one.name)}: {one.in_flight} in flight, read {duration(one.idle_seconds)} ago"
    if step := next_step(known.state, view.name):
        yield f"  next      {safe(step)}"
