"""How far the subscriptions have come, as Redis knows it without reading events."""

from typing import Any

from redis.asyncio import Redis

from qontract.adapters.redis.connections import async_client
from qontract.adapters.redis.errors import RefusedError, translate_event_log_errors
from qontract.adapters.redis.keys import Keys, keys_of
from qontract.adapters.redis.lua_scripts import run_script
from qontract.adapters.unreadable_values import Unreadable
from qontract.application.ports.event_log import Measures, PlaceLostError

_MAX_GROUPS = 200
_MAX_NAME_LENGTH = 100
_unreadable = Unreadable("measures", "subscription cannot be measured")


async def measure(url: str, *, channel: str, stream: str) -> dict[str, Measures]:
    """Measure each subscription, on a connection of its own. Raises EventLogError."""
    with translate_event_log_errors():
        async with async_client(url, timeout=5) as redis:
            return await measures_of_all(redis, keys_of(channel, stream))


async def measures_of(redis: Redis, keys: Keys, subscription: str, active_seconds: float) -> Measures:
    """Measure one subscription; a replica counts that was active within so many seconds. Raises EventLogError."""
    return await _measure(redis, keys, subscription.encode(), active_seconds)


async def measures_of_all(redis: Redis, keys: Keys, active_seconds: float = 60.0) -> dict[str, Measures]:
    """Measure the groups of the stream, whoever made them; none if there is no stream. Raises EventLogError.

    Of very many, those of the shortest names. One that cannot be measured takes nothing from the others.
    """
    found: dict[str, Measures] = {}
    names = await _groups(redis, keys.stream)
    for name in sorted(names, key=len)[:_MAX_GROUPS]:
        try:
            found[_text(name)] = await _measure(redis, keys, name, active_seconds)
        except PlaceLostError:  # it has gone meanwhile
            continue
        except RefusedError as error:
            _unreadable.report(b"", error, group=_text(name))
    if len(names) > _MAX_GROUPS:
        _unreadable.report(b"", ValueError("the stream has too many groups"), group="the rest")
    return found


async def _measure(redis: Redis, keys: Keys, group: bytes, active_seconds: float) -> Measures:
    all_keys = [keys.redriven(_text(group)), keys.stream, keys.dead, keys.dead_counts]
    with translate_event_log_errors():
        lag, pending, age, dead, replicas = await run_script(
            redis, "measure", all_keys, group, int(active_seconds * 1000)
        )
    return Measures(lag, pending, age / 1000, dead, replicas)


async def _groups(redis: Redis, stream: str) -> list[bytes]:
    try:
        with translate_event_log_errors():
            groups: Any = await redis.xinfo_groups(stream)
    except PlaceLostError:
        return []
    return [group["name"] for group in groups]


def _text(group: bytes) -> str:
    return group[:_MAX_NAME_LENGTH].decode(errors="replace")  # one that is not ours may have any name
