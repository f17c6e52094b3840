"""What is trimmed of a real stream, and what never is."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from qontract.adapters.redis.stream.retention import evicting_policy, show_alive, trim
from qontract.application.ports.event_log_connection import Trimmed
from tests.support.redis_event_log import KEYS, a_log, opened, read

pytestmark = pytest.mark.anyio

DAY = 24 * 3600


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey_url) as client:
        yield client


async def aged(client: Redis, *days: float) -> None:
    """Keep events that are so many days old."""
    now: Any = await client.time()
    for age in days:
        await client.xadd(KEYS.stream, {"__data__": b"x"}, id=f"{int((now[0] - age * DAY) * 1000)}-0")


async def trimmed(client: Redis) -> Trimmed:
    return await trim(client, KEYS, retention_seconds=7 * DAY, abandoned_seconds=14 * DAY)


async def silent_for(client: Redis, days: float, *groups: str) -> None:
    now: Any = await client.time()
    for group in groups:
        await client.hset(KEYS.alive, group, int(now[0] - days * DAY))


async def test_what_is_old_and_acknowledged_by_all_is_trimmed(client: Redis) -> None:
    await aged(client, 10, 9, 8, 6, 5)
    for name in ("one", "two"):
        log = await opened(a_log(client, subscription=name))
        await log.acknowledge(await read(log))
    assert await trimmed(client) == Trimmed(3, ())
    assert await client.xlen(KEYS.stream) == 2


async def test_without_subscriptions_the_age_alone_decides(client: Redis) -> None:
    await aged(client, 10, 6)
    assert await trimmed(client) == Trimmed(1, ())


async def test_what_a_living_subscription_has_not_read_or_not_acknowledged_is_never_trimmed(client: Redis) -> None:
    await aged(client, 10, 9, 8)
    behind = await opened(a_log(client, subscription="behind"))
    done = await opened(a_log(client, subscription="done"))
    await done.acknowledge(await read(done))
    assert await trimmed(client) == Trimmed(0, ())
    first, second, _ = await read(behind)
    await behind.acknowledge([first])
    assert await trimmed(client) == Trimmed(1, ())
    await behind.acknowledge([second])
    assert await trimmed(client) == Trimmed(1, ())
    await show_alive(client, KEYS, "behind", "done")
    assert await trimmed(client) == Trimmed(0, ())


async def test_a_subscription_that_shows_no_life_for_long_holds_nothing_back_until_it_does(client: Redis) -> None:
    await aged(client, 10, 9, 8)
    await a_log(client, subscription="gone").open()
    await silent_for(client, 13, "gone")
    assert await trimmed(client) == Trimmed(0, ())
    await silent_for(client, 15, "gone")
    assert await trimmed(client) == Trimmed(3, ("gone",))
    await aged(client, 7.5, 7.2)
    await show_alive(client, KEYS, "gone")
    assert await trimmed(client) == Trimmed(0, ())


async def test_a_group_that_never_showed_life_is_given_the_time_to_do_so(client: Redis) -> None:
    await aged(client, 10)
    await a_log(client, subscription="new").open()
    assert await trimmed(client) == Trimmed(0, ())
    assert await client.hexists(KEYS.alive, "new")
    await silent_for(client, 15, "new")
    assert await trimmed(client) == Trimmed(1, ("new",))


async def test_what_is_not_kept_long_enough_for_its_age_stays_whatever_the_sequence(client: Redis) -> None:
    log = await opened(a_log(client))
    for sequence in (2**63, 2**63 + 1, 2**63 + 2):
        await client.xadd(KEYS.stream, {"__data__": b"x"}, id=f"1000-{sequence}")
    first, _, _ = await read(log)
    await log.acknowledge([first])
    assert await trimmed(client) == Trimmed(1, ())


async def test_without_a_stream_there_is_nothing_to_trim(client: Redis) -> None:
    assert await trimmed(client) == Trimmed(0, ())
    assert not await client.exists(KEYS.stream)


@pytest.mark.parametrize(
    ("policy", "named"), [("noeviction", ""), ("volatile-lru", ""), ("allkeys-lru", "allkeys-lru")]
)
async def test_a_policy_that_may_evict_the_stream_is_named(client: Redis, policy: str, named: str) -> None:
    await client.config_set("maxmemory-policy", policy)
    try:
        assert await evicting_policy(client) == named
    finally:
        await client.config_set("maxmemory-policy", "noeviction")


async def test_how_events_ended_is_kept_for_as_long_as_they_are_and_no_longer(client: Redis) -> None:
    await aged(client, 10, 6)
    log = await opened(a_log(client, subscription="one"))
    await log.acknowledge(await read(log))
    now: Any = await client.time()
    for age in (9, 5):
        await client.xadd(KEYS.outcomes("one"), {"ended": b"x"}, id=f"{int((now[0] - age * DAY) * 1000)}-0")
    assert (await trimmed(client)).events == 1
    assert await client.xlen(KEYS.outcomes("one")) == 1
    assert (
        20 * DAY < await client.ttl(KEYS.outcomes("one")) <= 21 * DAY + 1
    )  # of a group that is gone it ends by itself
