"""Errors of a real Redis, as the event log says them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from qontract.adapters.redis.stream.retention import show_alive, trim
from qontract.application.ports.event_log import EventLogError, PlaceLostError
from tests.support.processes import free_port
from tests.support.redis_event_log import KEYS, a_log, append, opened, read

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey_url) as client:
        yield client


async def test_only_a_group_that_is_there_is_no_error_of_opening(client: Redis) -> None:
    await client.set(KEYS.stream, "not a stream")
    with pytest.raises(EventLogError, match="WRONGTYPE") as caught:
        await a_log(client).open()
    assert not isinstance(caught.value, PlaceLostError)


@asynccontextmanager
async def forbidden(client: Redis, url: str, command: str) -> AsyncIterator[Redis]:
    """Give the client of a user who may do all but one command."""
    await client.acl_setuser("limited", enabled=True, nopass=True, keys=["*"], commands=["+@all", f"-{command}"])
    try:
        async with Redis.from_url(url, username="limited", password="any") as limited:
            yield limited
    finally:
        await client.acl_deluser("limited")


async def test_a_group_that_may_not_be_made_is_an_error_though_it_is_there(client: Redis, valkey_url: str) -> None:
    await a_log(client).open()
    async with forbidden(client, valkey_url, "xgroup|create") as limited:
        with pytest.raises(EventLogError, match=r"permission|can't run this command"):
            await a_log(limited).open()


async def test_where_it_is_not_known_whether_an_entry_is_pending_it_stays(client: Redis, valkey_url: str) -> None:
    log = await opened(a_log(client))
    await append(client, b"1")
    [entry] = await read(log)
    async with forbidden(client, valkey_url, "xpending") as limited:
        with pytest.raises(EventLogError, match=r"permission|can't run this command"):
            await a_log(limited).dead_letter(entry)
    assert (await log.measures()).pending == 1


async def test_another_error_than_a_missing_group_does_not_say_that_the_place_is_lost(client: Redis) -> None:
    log = await opened(a_log(client))
    await client.set(KEYS.lease("s"), "one")
    await client.delete(KEYS.stream)
    await client.set(KEYS.stream, "not a stream")
    with pytest.raises(EventLogError, match="WRONGTYPE") as caught:
        await read(log)
    assert not isinstance(caught.value, PlaceLostError)


async def test_a_redis_that_is_away_is_one_error_without_the_password() -> None:
    async with Redis.from_url(f"redis://:hush@127.0.0.1:{free_port()}/0", retry=None) as away:
        log = a_log(away)
        for call in (log.open, log.claim_all, log.measures, log.close, lambda: log.lead(1), lambda: read(log)):
            with pytest.raises(EventLogError, match="ConnectionError") as caught:
                await call()
            assert "hush" not in str(caught.value)
        for other in (trim(away, KEYS, retention_seconds=1, abandoned_seconds=1), show_alive(away, KEYS, "s")):
            with pytest.raises(EventLogError, match="ConnectionError"):
                await other
