"""Trimming the stream: what everybody has acknowledged and is old enough."""

import logging
from typing import Any

from redis.asyncio import Redis

from qontract.adapters.redis import metrics

log = logging.getLogger(__name__)

# KEYS: stream, when each group was alive. ARGV: now, seconds kept, seconds until a silent group is abandoned.
# Returns how many entries were trimmed, then the abandoned groups.
_TRIM = """
local now = tonumber(ARGV[1])
local edge_ms, edge_seq = (now - tonumber(ARGV[2])) * 1000, 0
local abandoned = {}
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local info = {}
  for i = 1, #group, 2 do info[group[i]] = group[i + 1] end
  redis.call('HSETNX', KEYS[2], info['name'], now)
  if now - tonumber(redis.call('HGET', KEYS[2], info['name'])) > tonumber(ARGV[3]) then
    abandoned[#abandoned + 1] = info['name']
  else
    local pending = redis.call('XPENDING', KEYS[1], info['name'])
    local first = pending[1] > 0 and pending[2] or info['last-delivered-id']
    local ms, seq = string.match(first, '(%d+)-(%d+)')
    ms, seq = tonumber(ms), tonumber(seq)
    if ms < edge_ms or (ms == edge_ms and seq < edge_seq) then edge_ms, edge_seq = ms, seq end
  end
end
if edge_ms < 0 then edge_ms = 0 end
return {redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f-%.0f', edge_ms, edge_seq)), unpack(abandoned)}
"""


async def trim(redis: Redis, *, prefix: str, stream: str, retention_seconds: float, abandoned_seconds: float) -> None:
    """Trim what every group has acknowledged and is older than the retention; say which groups no longer count.

    A group counts until it has shown no sign of life for `abandoned_seconds`. Raises redis.RedisError.
    """
    if not await redis.exists(stream):
        return
    seconds, _ = await redis.time()
    keys = [stream, f"{prefix}alive"]
    answer: Any = await redis.eval(_TRIM, 2, *keys, seconds, retention_seconds, abandoned_seconds)
    trimmed, *abandoned = answer
    if trimmed:
        log.info("trimmed", extra={"events": trimmed})
    for group in abandoned:
        metrics.ABANDONED.labels(group.decode()).set(1)
        log.error(
            "a subscription is gone, and no longer keeps events from being trimmed; XGROUP DESTROY its group if it is"
            " not to come back",
            extra={"subscription": group.decode()},
        )


async def show_life(redis: Redis, *, prefix: str, stream: str, group: str) -> None:
    """Show that the group is alive, and measure how far it has come. Raises redis.RedisError."""
    seconds, _ = await redis.time()
    await redis.hset(f"{prefix}alive", group, seconds)
    metrics.ABANDONED.labels(group).set(0)
    groups: Any = await redis.xinfo_groups(stream)
    [info] = [info for info in groups if info["name"] == group.encode()] or [None]
    if info is None:
        return
    pending: Any = await redis.xpending(stream, group)
    behind, last, first = 0, info["last-delivered-id"].decode(), None
    for _ in range(10):
        page: Any = await redis.xrange(stream, f"({last}", "+", count=1000)
        if not page:
            break
        behind, last, first = behind + len(page), page[-1][0].decode(), first or page[0][0]
    oldest = pending["min"] or first
    metrics.PENDING.labels(group).set(pending["pending"])
    metrics.LAG.labels(group).set(behind)
    metrics.OLDEST.labels(group).set(max(0, seconds - int(oldest.split(b"-")[0]) / 1000) if oldest else 0)


async def evicting_policy(redis: Redis) -> str:
    """Return the server's maxmemory-policy if it may evict the stream itself, or "". Raises redis.RedisError."""
    policy = str((await redis.config_get("maxmemory-policy")).get("maxmemory-policy", ""))
    return policy if policy.startswith("allkeys") else ""
