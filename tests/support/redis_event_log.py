"""The event log in a Redis, for tests of what is Redis' own."""

from collections.abc import Sequence
from typing import Any

import pytest
import redis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from qontract.adapters.redis import RedisDeadLetters, RedisEventLog
from qontract.adapters.redis.keys import keys_of
from qontract.adapters.redis.lua_scripts import script
from qontract.adapters.redis.stream.read_ahead import ReadAheadCache
from qontract.adapters.redis.stream.shared_waits import SharedWaits
from qontract.application.ports.event_log import Entry

KEYS = keys_of("main", "qontract:{main}:events")
MUCH = 1_000_000
LONG = 30.0


def a_log(
    client: Redis,
    replica: str = "one",
    *,
    shared: bool = False,
    subscription: str = "s",
    types: Sequence[str] = ("*",),
    claim_seconds: float = LONG,
    shared_waits: SharedWaits | None = None,
    read_ahead: ReadAheadCache | None = None,
    max_attempts: int = 10,
) -> RedisEventLog:
    """Make the view of one replica."""
    return RedisEventLog(
        client,
        KEYS,
        subscription=subscription,
        replica=replica,
        types=types,
        shared=shared,
        claim_seconds=claim_seconds,
        shared_waits=shared_waits or SharedWaits(client, KEYS.stream),
        read_ahead=read_ahead or ReadAheadCache(client, KEYS.stream),
        max_attempts=max_attempts,
    )


def dead_letters_at(url: str) -> RedisDeadLetters:
    """Return the dead letters of that Redis."""
    return RedisDeadLetters(url, channel="main", stream=KEYS.stream)


def make(server: redis.Redis, subscription: str) -> None:
    """Make a subscription that nobody runs, unless it is there."""
    try:
        server.xgroup_create(KEYS.stream, subscription, "0", mkstream=True)
    except redis.ResponseError as error:
        assert "BUSYGROUP" in str(error)  # noqa: PT017 - any other is a failure


async def opened(log: RedisEventLog) -> RedisEventLog:
    """Return the view, ready to read and, ordered, leading."""
    await log.open()
    await log.lead(LONG)
    return log


async def append(client: Redis, *contents: bytes, type_: str = "a.b") -> list[bytes]:
    """Keep events of a type, and return the ids of their entries."""
    ids: list[Any] = [await client.xadd(KEYS.stream, {"__data__": each, "__type__": type_}) for each in contents]
    return ids


async def read(log: RedisEventLog, count: int = 100) -> list[Entry]:
    """Read what is there now."""
    return list(await log.read(count, MUCH, 0))


def contents(entries: Sequence[Entry]) -> list[bytes | None]:
    """Return the bytes of the entries."""
    return [entry.content for entry in entries]


async def calls(client: Redis, *commands: str) -> list[int]:
    """Return how often the server has run each command, in scripts too, since `config_resetstat`."""
    stats: Any = await client.info("commandstats")
    return [stats.get(f"cmdstat_{command}", {"calls": 0})["calls"] for command in commands]


async def sent(client: Redis) -> int:
    """Return how many bytes the server has sent."""
    stats: Any = await client.info("stats")
    return int(stats["total_net_output_bytes"])


async def lose_the_answer(client: Redis, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Redis run the script of that name on the stream once more, and lose what it answers."""
    sha, evalsha = await client.script_load(script(name).text), client.evalsha

    async def lost(*args: Any) -> Any:
        answer = await evalsha(*args)
        if args[0] == sha and KEYS.stream in args:
            monkeypatch.setattr(client, "evalsha", evalsha)
            raise RedisConnectionError("lost")
        return answer

    monkeypatch.setattr(client, "evalsha", lost)
