"""How subscriptions of a process wait for the next event, on a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from qontract.adapters.redis import RedisEventLog
from qontract.adapters.redis.stream.shared_waits import SharedWaits
from qontract.application.ports.event_log import EventLogError
from tests.support.redis_event_log import KEYS, MUCH, a_log, append, calls, contents, opened, read
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey_url) as client:
        yield client


async def test_subscriptions_that_wait_share_one_read_and_look_once_a_wait(client: Redis) -> None:
    shared_waits = SharedWaits(client, KEYS.stream)
    await append(client, b"1")
    logs = [await opened(a_log(client, subscription=f"s{number}", shared_waits=shared_waits)) for number in range(5)]
    for log in logs:
        await log.acknowledge(await read(log))
    await wait_in_vain(logs)
    await client.config_resetstat()
    for _ in range(3):
        await wait_in_vain(logs)
    assert await calls(client, "evalsha", "xread") == [15, 3]
    stats: Any = await client.info("stats")
    assert stats["total_connections_received"] == 0


async def wait_in_vain(logs: Sequence[RedisEventLog]) -> None:
    assert await asyncio.gather(*(log.read(10, MUCH, 0.2) for log in logs)) == [[]] * len(logs)


async def test_who_waits_for_less_than_another_is_not_kept_waiting(client: Redis) -> None:
    shared_waits = SharedWaits(client, KEYS.stream)
    long = asyncio.create_task(shared_waits.beyond(b"0-0", 60))
    await blocked(client)
    async with asyncio.timeout(0.5):
        assert not await shared_waits.beyond(b"0-0", 0.05)
    await append(client, b"1")
    assert await long


async def test_those_that_wait_are_all_told_of_an_event_at_once(client: Redis) -> None:
    shared_waits = SharedWaits(client, KEYS.stream)
    logs = [await opened(a_log(client, subscription=f"s{number}", shared_waits=shared_waits)) for number in range(5)]
    reading = [asyncio.create_task(log.read(10, MUCH, 60)) for log in logs]
    await blocked(client)
    await append(client, b"1")
    async with asyncio.timeout(0.9):
        assert [contents(await task) for task in reading] == [[b"1"]] * 5


async def test_no_event_is_missed_between_a_look_and_the_wait(client: Redis) -> None:
    log, number = await opened(a_log(client)), 0
    async with asyncio.timeout(20):
        for _ in range(200):
            reading = asyncio.create_task(log.read(10, MUCH, 60))
            for _ in range(number % 7):
                await asyncio.sleep(0)
            await append(client, b"%d" % number)
            entries = await reading
            assert contents(entries) == [b"%d" % number]
            await log.acknowledge(entries)
            number += 1


async def test_what_is_redriven_is_found_within_a_second_of_waiting(client: Redis) -> None:
    log = await opened(a_log(client))
    reading = asyncio.create_task(log.read(10, MUCH, 60))
    await blocked(client)
    await client.xadd(KEYS.redriven("s"), {"__data__": b"again"})
    async with asyncio.timeout(1.5):
        assert contents(await reading) == [b"again"]


async def test_an_error_of_the_wait_reaches_everyone_who_waits(client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        await asyncio.sleep(0.1)
        raise RedisConnectionError("cut")

    shared_waits = SharedWaits(client, KEYS.stream)
    logs = [await opened(a_log(client, subscription=f"s{number}", shared_waits=shared_waits)) for number in range(3)]
    monkeypatch.setattr(client, "xread", broken)
    async with asyncio.timeout(5):
        errors = await asyncio.gather(*(log.read(10, MUCH, 60) for log in logs), return_exceptions=True)
    assert [(type(error), str(error)) for error in errors] == [(EventLogError, "ConnectionError: cut")] * 3


async def test_who_stops_waiting_leaves_the_others_and_the_last_one_ends_the_wait(client: Redis) -> None:
    shared_waits = SharedWaits(client, KEYS.stream)
    first, second = [asyncio.create_task(shared_waits.beyond(b"0-0", 60)) for _ in range(2)]
    await blocked(client)
    first.cancel()
    await asyncio.wait([first])
    await append(client, b"1")
    assert await second
    last = asyncio.create_task(shared_waits.beyond(b"9999999999999-0", 60))
    await blocked(client)
    last.cancel()
    await eventually(partial(who_waits, client, 0))


async def blocked(client: Redis) -> None:
    """Wait until somebody waits."""
    await eventually(partial(who_waits, client, 1))


async def who_waits(client: Redis, clients: int) -> bool:
    """Say whether so many wait."""
    found: int = (await client.info("clients"))["blocked_clients"]
    return found == clients
