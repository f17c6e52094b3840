"""Trimming the stream: what everybody has acknowledged and is old enough."""

from contextlib import suppress
from typing import Any

from redis.asyncio import Redis

from qontract.adapters.redis.errors import translate_event_log_errors
from qontract.adapters.redis.keys import Keys
from qontract.adapters.redis.lua_scripts import run_script
from qontract.adapters.unreadable_values import excerpt
from qontract.application.ports.event_log import PlaceLostError
from qontract.application.ports.event_log_connection import Trimmed

_MAX_GROUPS = 1000


async def trim(redis: Redis, keys: Keys, *, retention_seconds: float, abandoned_seconds: float) -> Trimmed:
    """Trim what every group has acknowledged and is older than the retention; say which groups no longer count.

    A group counts until it has shown no sign of life for `abandoned_seconds`. On a full server this works too. Raises
    EventLogError.
    """
    with translate_event_log_errors():
        answer: Any = await run_script(
            redis, "trim_stream", [keys.stream, keys.alive, keys.redrives], retention_seconds, abandoned_seconds
        )
    trimmed, edge, *abandoned = answer
    await _trim_outcomes(redis, keys, edge, int(retention_seconds + abandoned_seconds) + 1)
    return Trimmed(trimmed, tuple(excerpt(name) for name in abandoned))


async def _trim_outcomes(redis: Redis, keys: Keys, edge: bytes, seconds: int) -> None:
    """Trim what is kept of how events ended as the events are; that of a group that is gone ends by itself."""
    with suppress(PlaceLostError), translate_event_log_errors():
        groups: Any = await redis.xinfo_groups(keys.stream)
        step = redis.pipeline(transaction=False)
        for group in groups[:_MAX_GROUPS]:
            outcomes = keys.outcomes(group["name"].decode(errors="replace"))
            step.xtrim(outcomes, minid=edge, approximate=False)
            step.expire(outcomes, seconds)
        await step.execute(raise_on_error=False)


async def show_alive(redis: Redis, keys: Keys, *groups: str) -> None:
    """Show that the groups are alive. Raises EventLogError."""
    with translate_event_log_errors():
        await run_script(redis, "show_alive", [keys.alive], *groups)


async def evicting_policy(redis: Redis) -> str:
    """Return the server's maxmemory-policy if it may evict the stream itself, or "". Raises EventLogError."""
    with translate_event_log_errors():
        policy = str((await redis.info("memory")).get("maxmemory_policy", ""))  # CONFIG would tell passwords too
    return policy if policy.startswith("allkeys") else ""
