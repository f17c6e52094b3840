"""What Redis knows of one subscription, as a view."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import redis

from qontract.adapters.redis.keys import Keys
from qontract.adapters.redis.lua_scripts import script
from qontract.adapters.unreadable_values import read_json
from qontract.domain.subscriptions import Pause, Replica, SubscriptionView

_MAX_NAME_LENGTH = 200
_MAX_REPLICAS = 100
_DAY = 86_400


def subscription_view(
    client: redis.Redis, keys: Keys, name: bytes, group: Mapping[str, Any] | None
) -> SubscriptionView:
    """Return the view of a subscription; `group` is what Redis says of its group, None if there is none.

    What cannot be read of it is as if it was not there. Raises redis.RedisError if Redis does not answer.
    """
    text = _text(name)
    found = _ask(client, keys, name, text)
    measures = found["measures"] if group else None
    lag, pending, age, dead, _ = measures if isinstance(measures, list) else (0, 0, 0, 0, 0)
    now = found["time"][0] if isinstance(found["time"], tuple) else None
    return SubscriptionView(
        name=text,
        made=group is not None,
        lag=lag,
        pending=pending,
        failing=_number(found["records"]),
        oldest_seconds=age / 1000,
        dead_letters=dead if group else _number(found["dead"]),
        redriven=_number(found["redriven"]),
        position=group["last-delivered-id"].decode() if group else "",
        replicas=_replicas(found["consumers"]),
        leader=_text(found["leader"]) if isinstance(found["leader"], bytes) else "",
        alive_seconds=_since(found["alive"], now),
        paused=_pause(found["paused"]) if isinstance(found["paused"], bytes) else None,
    )


def _ask(client: redis.Redis, keys: Keys, name: bytes, text: str) -> dict[str, Any]:
    """Return the answers, all of one round trip; one that is refused is an error."""
    step: Any = client.pipeline(transaction=False)
    step.execute_command(
        "EVAL",
        script("measure").text,
        4,
        *(keys.redriven(text), keys.stream, keys.dead, keys.dead_counts),
        *(name, 60_000),
    )
    step.hlen(keys.records(text))
    step.xlen(keys.redriven(text))
    step.hget(keys.dead_counts, name)
    step.xinfo_consumers(keys.stream, name)
    step.get(keys.lease(text))
    step.hget(keys.alive, name)
    step.hget(keys.paused, name)
    step.time()
    asked = ("measures", "records", "redriven", "dead", "consumers", "leader", "alive", "paused", "time")
    return dict(zip(asked, step.execute(raise_on_error=False), strict=True))


def _replicas(found: Any) -> tuple[Replica, ...]:
    if not isinstance(found, list):
        return ()
    latest = sorted(found, key=lambda one: one["idle"])[:_MAX_REPLICAS]
    return tuple(Replica(_text(one["name"]), one["idle"] / 1000, one["pending"]) for one in latest)


def _since(alive: Any, now: Any) -> float | None:
    """Return for how many seconds nobody has shown life; a time at which nobody can have is none."""
    try:
        seconds = float(now) - float(alive)
    except (TypeError, ValueError):
        return None
    return max(0.0, seconds) if -_DAY <= seconds <= float(now) else None


def _pause(record: bytes) -> Pause:
    try:
        found = read_json(record)
        return Pause(datetime.fromisoformat(found["since"]).astimezone(UTC), str(found["by"])[:_MAX_NAME_LENGTH])
    except (ValueError, KeyError, TypeError, OverflowError):
        return Pause(None, "")


def _number(found: Any) -> int:
    if isinstance(found, bytes) and found.isdigit():
        return int(found[:18])
    return found if isinstance(found, int) else 0


def _text(name: bytes) -> str:
    return name[:_MAX_NAME_LENGTH].decode(errors="backslashreplace")
