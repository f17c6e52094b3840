"""What is done to a Redis, and what a subscription makes of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from redis.asyncio import Redis

from qontract.application.ports.event_log import EventLogError, LeaseLostError, PlaceLostError
from qontract.domain.dead_letters import DeadLetter, FailedAttempt
from tests.support.redis_event_log import (
    KEYS,
    LONG,
    a_log,
    append,
    contents,
    dead_letters_at,
    lose_the_answer,
    opened,
    read,
)

pytestmark = pytest.mark.anyio

FAILURES = (FailedAttempt(datetime(2026, 1, 31, tzinfo=UTC), "ValueError: no"),)
Fault = Callable[[Redis], Awaitable[Any]]


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey_url) as client:
        yield client


@pytest.fixture(params=[False, True], ids=["ordered", "shared"])
def shared(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def letters(valkey_url: str) -> list[DeadLetter]:
    return list(dead_letters_at(valkey_url).iterate())


async def destroy(client: Redis) -> None:
    await client.xgroup_destroy(KEYS.stream, "s")


async def destroy_and_open(client: Redis) -> None:
    await destroy(client)
    await a_log(client, "two").open()


async def delete(client: Redis) -> None:
    await client.delete(KEYS.stream)


async def delete_and_publish(client: Redis) -> None:
    await client.delete(KEYS.stream)
    await append(client, b"new")


async def flush(client: Redis) -> None:
    await client.flushall()


async def trim_behind_its_back(client: Redis) -> None:
    await client.xtrim(KEYS.stream, maxlen=0, approximate=False)


async def test_an_answer_that_got_lost_is_read_again_before_anything_new(
    client: Redis, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await opened(a_log(client, shared=shared))
    await append(client, b"1", b"2", b"3")
    assert contents(await read(log, 1)) == [b"1"]
    await lose_the_answer(client, "read", monkeypatch)
    with pytest.raises(EventLogError, match="ConnectionError: lost"):
        await read(log, 1)
    [again] = await read(log)
    assert (again.content, again.redelivered) == (b"2", True)
    assert contents(await read(log)) == [b"3"]
    assert await read(log) == []


async def test_what_was_claimed_and_not_received_is_read_again(client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    await append(client, b"1", b"2")
    dead = await opened(a_log(client, shared=True))
    await dead.release(await read(dead))
    log = await opened(a_log(client, "two", shared=True))
    assert await read(log) == []
    await lose_the_answer(client, "claim_idle", monkeypatch)
    with pytest.raises(EventLogError):
        await read(log)
    assert contents(await read(log)) == [b"1", b"2"]
    assert await read(log) == []


async def test_connections_that_are_cut_between_calls_lose_nothing(client: Redis, shared: bool) -> None:
    log = await opened(a_log(client, shared=shared))
    found = []
    for number in range(5):
        await append(client, b"%d" % number)
        await client.client_kill_filter(_type="normal", skipme=True)
        entries = await read(log)
        await client.client_kill_filter(_type="normal", skipme=True)
        await log.acknowledge(entries)
        found += contents(entries)
    assert found == [b"0", b"1", b"2", b"3", b"4"]
    assert (await log.measures()).pending == 0


async def test_a_read_that_is_cancelled_passes_it_on_and_what_it_had_asked_for_is_not_lost(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, asked, evalsha = await opened(a_log(client)), asyncio.Event(), client.evalsha

    async def stuck(*args: Any) -> None:
        await evalsha(*args)
        asked.set()
        await asyncio.Event().wait()

    await append(client, b"1")
    with monkeypatch.context() as patch:
        patch.setattr(client, "evalsha", stuck)
        reading = asyncio.create_task(read(log))
        await asked.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert contents(await read(log)) == [b"1"]


@pytest.mark.parametrize("fault", [destroy, delete, delete_and_publish])
async def test_where_the_group_is_gone_reading_says_so_and_opening_again_helps(
    client: Redis, shared: bool, fault: Fault
) -> None:
    log = await opened(a_log(client, shared=shared))
    await append(client, b"1")
    await read(log)
    await fault(client)
    for call in (lambda: read(log), log.claim_all, log.measures):
        with pytest.raises(PlaceLostError):
            await call()
    await log.close()
    assert await log.open()
    await append(client, b"2")
    assert contents(await read(log))[-1:] == [b"2"]


async def test_after_a_flush_a_leader_has_lost_its_lease_first(client: Redis) -> None:
    log = await opened(a_log(client))
    await client.flushall()
    with pytest.raises(LeaseLostError):
        await read(log)


async def test_the_stream_of_what_was_redriven_is_made_again_too(client: Redis, shared: bool) -> None:
    log = await opened(a_log(client, shared=shared))
    await client.delete(KEYS.redriven("s"))
    with pytest.raises(PlaceLostError):
        await read(log)
    assert not await log.open()
    assert await read(log) == []


async def test_what_is_known_of_attempts_goes_with_the_group_that_was_lost_and_with_no_other(client: Redis) -> None:
    log = await opened(a_log(client))
    await append(client, b"1")
    await client.xadd(KEYS.redriven("s"), {"__data__": b"2"}, id="7-1")
    await log.record(await read(log))
    assert await client.hlen(KEYS.records("s")) == 2
    await destroy(client)
    await log.open()
    assert await client.hkeys(KEYS.records("s")) == [b"redriven/7-1"]
    await client.delete(KEYS.redriven("s"))
    await log.open()
    assert not await client.exists(KEYS.records("s"))


async def test_what_was_trimmed_behind_its_back_comes_once_as_expired_and_leaves_no_record(
    client: Redis, shared: bool
) -> None:
    log = await opened(a_log(client, shared=shared))
    ids = await append(client, b"1", b"2")
    await log.record(await read(log))
    await trim_behind_its_back(client)
    await append(client, b"3")
    await log.open()
    expired = await read(log)
    assert [(entry.expired, str(entry.key)) for entry in expired] == [(True, id_.decode()) for id_ in ids]
    assert contents(await read(log)) == [b"3"]
    assert not await client.exists(KEYS.records("s"))
    assert (await log.measures()).pending == 1


@pytest.mark.parametrize(("types", "number"), [(("*",), 13), (("x.y",), 7)], ids=["wanted", "unwanted"])
async def test_what_was_trimmed_before_it_was_read_is_told_once_by_its_number(
    client: Redis, types: tuple[str, ...], number: int
) -> None:
    log = await opened(a_log(client, types=types))
    await append(client, *(b"%d" % event for event in range(10)))
    await read(log, 4)
    await append(client, *(b"%d" % event for event in range(10, 20)))
    await client.xtrim(KEYS.stream, maxlen=3, approximate=False)
    vanished = [entry for _ in range(6) for entry in await read(log) if "unread" in str(entry.key)]
    assert [entry.expired for entry in vanished] == [number]


async def test_a_new_leader_is_told_once_what_has_vanished_before_it_reads_the_rest(client: Redis) -> None:
    await append(client, *(b"%d" % number for number in range(1500)))
    log = await opened(a_log(client))
    while entries := await read(log, 1000):
        await log.record(entries)
    await client.xtrim(KEYS.stream, maxlen=1, approximate=False)
    await log.abdicate()
    two = await opened(a_log(client, "two"))
    await two.claim_all()
    found = [entry for _ in range(3) for entry in await read(two, 1000)]
    assert [entry.expired for entry in found] == [True] * 1499 + [False]
    assert found[-1].content == b"1499"
    assert await client.hlen(KEYS.records("s")) == 1


@pytest.mark.parametrize("fault", [destroy, destroy_and_open, delete, delete_and_publish, flush, trim_behind_its_back])
async def test_what_is_dead_lettered_has_a_letter_whatever_was_lost(
    client: Redis, shared: bool, fault: Fault, valkey_url: str
) -> None:
    log = await opened(a_log(client, shared=shared))
    await append(client, b"1", b"2")
    entry, _ = await read(log)
    entry.failures = FAILURES
    await fault(client)
    await log.dead_letter(entry)
    [letter] = letters(valkey_url)
    assert (letter.data, letter.failures, letter.subscription) == (b"1", FAILURES, "s")


async def test_there_is_no_letter_of_what_another_replica_has_acknowledged(
    client: Redis, shared: bool, valkey_url: str
) -> None:
    one = await opened(a_log(client, shared=shared))
    await append(client, b"1")
    [entry] = await read(one)
    await client.xclaim(KEYS.stream, "s", "two", 0, [str(entry.key)])
    await a_log(client, "two").acknowledge([entry])
    await one.dead_letter(entry)
    assert letters(valkey_url) == []


async def test_a_letter_that_cannot_be_written_leaves_the_entry(client: Redis) -> None:
    log = await opened(a_log(client))
    await append(client, b"1")
    [entry] = await read(log)
    await client.set(KEYS.dead, "not a stream")
    with pytest.raises(EventLogError, match="WRONGTYPE"):
        await log.dead_letter(entry)
    pending: Any = await client.xpending(KEYS.stream, "s")
    assert pending["pending"] == 1


async def test_a_leader_that_lost_its_lease_takes_nothing_from_the_next(client: Redis) -> None:
    await append(client, b"1", b"2")
    one = await opened(a_log(client))
    held = await read(one)
    await one.abdicate()
    two = await opened(a_log(client, "two"))
    await two.claim_all()
    for call in (one.claim_all, lambda: read(one)):
        with pytest.raises(LeaseLostError):
            await call()
    await one.record(held)
    await one.release(held)
    await one.close()
    assert contents(await read(two)) == [b"1", b"2"]
    assert not await client.exists(KEYS.records("s"))
    assert not await a_log(client).lead(LONG)
