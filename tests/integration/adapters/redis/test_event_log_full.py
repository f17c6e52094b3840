"""A full Redis that evicts nothing: what is there can be drained, and trimmed."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from qontract.adapters.cloudevents import Event
from qontract.adapters.redis import RedisBroker
from qontract.adapters.redis.stream.retention import show_alive, trim
from qontract.application.ports.dead_letters import DeadLettersError
from qontract.domain.dead_letters import FailedAttempt
from qontract.testing.contracts.dead_letters import FAILURES
from tests.support.redis_event_log import KEYS, LONG, a_log, append, contents, dead_letters_at, opened, read

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["ordered", "shared"])
def shared(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey_url) as client:
        try:
            yield client
        finally:
            await client.config_set("maxmemory", 0)


async def fill(client: Redis, more: int = 0) -> None:
    """Let the server have no memory left, or only so many bytes."""
    used: Any = await client.info("memory")
    await client.config_set("maxmemory-policy", "noeviction")
    await client.config_set("maxmemory", used["used_memory"] + more if more else 1)
    if not more:
        with pytest.raises(OutOfMemoryError):
            await client.set("another", "key")


async def test_a_subscription_is_opened_led_read_and_acknowledged(client: Redis, shared: bool) -> None:
    await append(client, b"1", b"2")
    await fill(client)
    log = a_log(client, shared=shared)
    assert await log.open()
    assert await log.lead(LONG)
    entries = await read(log)
    assert contents(entries) == [b"1", b"2"]
    await log.acknowledge(entries)
    assert (await log.measures()).pending == 0
    await log.abdicate()
    await log.close()


async def test_a_subscription_whose_stream_is_gone_is_opened(client: Redis) -> None:
    await fill(client)
    assert await a_log(client).open()


async def test_what_the_dead_had_is_claimed(client: Redis, shared: bool) -> None:
    await append(client, b"1")
    one = await opened(a_log(client, shared=shared))
    await one.release(await read(one))
    await one.abdicate()
    await fill(client)
    two = await opened(a_log(client, "two", shared=shared))
    await two.claim_all()
    assert contents(await read(two) + await read(two)) == [b"1"]


async def test_attempts_are_recorded_and_ids_remembered_and_life_is_shown(client: Redis, shared: bool) -> None:
    await append(client, b"1")
    log = await opened(a_log(client, shared=shared))
    [entry] = await read(log)
    entry.failures = tuple(FAILURES)
    await fill(client)
    await log.record([entry])
    await log.heartbeat([entry])
    await log.release([entry])
    await log.remember(["id"], LONG)
    await show_alive(client, KEYS, "s")
    assert await log.known("id")
    assert await client.hexists(KEYS.alive, "s")
    await log.open()
    assert (await read(log))[0].failures == tuple(FAILURES)


async def test_an_entry_is_dead_lettered(client: Redis, valkey_url: str) -> None:
    await append(client, b"1")
    log = await opened(a_log(client))
    [entry] = await read(log)
    entry.failures = (FailedAttempt(FAILURES[0].time, "no"),)
    await fill(client)
    await log.dead_letter(entry)
    [letter] = dead_letters_at(valkey_url).iterate()
    assert (letter.data, letter.failures) == (b"1", entry.failures)


async def test_a_dead_letter_is_discarded_and_one_that_cannot_be_redriven_stays(client: Redis, valkey_url: str) -> None:
    log = await opened(a_log(client))
    await append(client, b"1", b"2")
    for entry in await read(log):
        await log.dead_letter(entry)
    await fill(client)
    dead_letters = dead_letters_at(valkey_url)
    first, second = (letter.id for letter in dead_letters.iterate())
    with pytest.raises(DeadLettersError, match="OutOfMemory"):
        dead_letters.redrive(first)
    assert dead_letters.discard(first)
    assert [letter.id for letter in dead_letters.iterate()] == [second]
    assert (await log.measures()).dead_letters == 1


def an_event() -> Event:
    return Event(source="/here", type="a.b", data={"text": "x" * 20_000})


def publish_many(broker: RedisBroker) -> None:
    for _ in range(200):
        broker.publish(an_event(), channel="main", stream=KEYS.stream)


async def test_what_all_have_acknowledged_is_trimmed_and_publishing_works_again(client: Redis, valkey_url: str) -> None:
    log = await opened(a_log(client))
    with RedisBroker(valkey_url) as broker:
        broker.publish(an_event(), channel="main", stream=KEYS.stream)
        await fill(client, more=2_000_000)
        with pytest.raises(OutOfMemoryError):
            publish_many(broker)
        while entries := await read(log):
            await log.acknowledge(entries)
        length = await client.xlen(KEYS.stream)
        trimmed = await trim(client, KEYS, retention_seconds=0, abandoned_seconds=LONG)
        assert trimmed.events == length - 1 > 10
        assert await client.hexists(KEYS.alive, "s")
        broker.publish(an_event(), channel="main", stream=KEYS.stream)


async def test_an_event_that_was_published_is_known_and_its_intent_goes(client: Redis, valkey_url: str) -> None:
    event = Event(source="/here", type="a.b", data={})
    with RedisBroker(valkey_url) as broker:
        broker.publish(event, channel="main", stream=KEYS.stream)
        await client.hset(KEYS.intents, f"/here:{event.id}", "an intent")
        await fill(client)
        broker.publish(event, channel="main", stream=KEYS.stream)
        with pytest.raises(OutOfMemoryError):
            broker.publish(Event(source="/here", type="a.b", data={}), channel="main", stream=KEYS.stream)
    assert not await client.exists(KEYS.intents)
    assert await client.xlen(KEYS.stream) == 1
