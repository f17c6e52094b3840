"""What is in the place of a key of ours, and is something else, is set aside: all that needs the key would stop."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from redis.asyncio import Redis

from qontract.adapters.redis.errors import translate_event_log_errors
from qontract.adapters.redis.keys import Keys
from qontract.adapters.redis.lua_scripts import run_script, run_script_sync
from qontract.adapters.unreadable_values import UNREADABLE

log = logging.getLogger(__name__)

MAX_LEASE = 600.0
"""The longest lease that is believed, in seconds: one that lasts longer is set aside. Usual ones are far shorter."""
_KEPT_SECONDS = 7 * 24 * 3600
"""How long what was set aside can be looked at."""


async def set_wrong_keys_aside(redis: Redis, keys: Keys, subscriptions: tuple[str, ...], *, max_lease: float) -> None:
    """Set aside the keys of these subscriptions that are not of their types, and leases that would not end.

    The stream itself is not touched: it may have the name of a key that is not ours. Raises EventLogError.
    """
    types = _types(keys, subscriptions)
    with translate_event_log_errors():
        found = await run_script(redis, "set_aside", *_arguments(keys, types, max_lease))
    _report(keys, list(types), found)


def set_wrong_keys_aside_now(execute: Callable[..., Any], keys: Keys, types: Mapping[str, str]) -> None:
    """Set aside those of these keys that are of another type, without an event loop. Raises redis.RedisError."""
    _report(keys, list(types), run_script_sync(execute, "set_aside", *_arguments(keys, types, MAX_LEASE)))


def _types(keys: Keys, subscriptions: tuple[str, ...]) -> dict[str, str]:
    types = {keys.intents: "hash", keys.dead: "stream", keys.dead_counts: "hash", keys.alive: "hash"}
    types |= {keys.paused: "hash", keys.dead_changes: "stream", keys.redrives: "zset", keys.redrive_runs: "hash"}
    types |= dict.fromkeys((keys.interests, keys.places), "hash")
    for name in subscriptions:
        types |= {keys.redriven(name): "stream", keys.records(name): "hash", keys.lease(name): "lease"}
        types[keys.outcomes(name)] = "stream"
    return types


def _arguments(keys: Keys, types: Mapping[str, str], max_lease: float) -> tuple[Any, ...]:
    pairs = [name for key in types for name in (key, keys.set_aside(key))]
    return (pairs, _KEPT_SECONDS * 1000, int(max_lease * 1000), *types.values())


def _report(keys: Keys, names: list[str], found: list[Any]) -> None:
    for number, what in zip(found[::2], found[1::2], strict=True):
        key = names[number - 1]
        extra = {"key": key, "was": what.decode(), "set_aside": keys.set_aside(key)}
        UNREADABLE.labels("keys").inc()
        log.error("key has the wrong type; it is set aside", extra=extra)
