"""What reading costs, and how it waits: Redis' own part of the event log."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from qontract.adapters.redis import RedisEventLog
from qontract.adapters.redis.globs import lua_patterns
from qontract.adapters.redis.waits import Waits
from qontract.application.ports.event_log import EventLogError
from qontract.domain.events import type_pattern
from tests.redis_event_log import KEYS, MUCH, a_log, append, calls, contents, opened, read, sent

pytestmark = pytest.mark.anyio

UNREADABLE = [
    "",
    "no JSON",
    "[" * 100_000,
    "[]",
    "null",
    '{"failures": []}',
    '{"failures": 1, "due": 0, "begun": 0}',
    '{"failures": [], "due": NaN, "begun": 0}',
    '{"failures": [{"time": "x", "error": ""}], "due": 0, "begun": 0}',
]


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey_url) as client:
        yield client


@pytest.fixture(params=[False, True], ids=["ordered", "shared"])
def shared(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def of_size(count: int, size: int) -> list[bytes]:
    return [b"x" * size for _ in range(count)]


async def test_what_is_not_wanted_is_acknowledged_and_not_sent(client: Redis, shared: bool) -> None:
    log = await opened(a_log(client, shared=shared, types=["a.*"]))
    await append(client, *of_size(20, 100_000), type_="x.y")
    await append(client, b"wanted", type_="a.b")
    before = await sent(client)
    [entry] = await read(log)
    assert (entry.content, entry.type) == (b"wanted", "a.b")
    assert await sent(client) - before < 20_000
    measures = await log.measures()
    assert (measures.lag, measures.pending) == (0, 1)


async def test_what_another_version_wanted_and_did_not_receive_is_acknowledged_too(client: Redis) -> None:
    log = await opened(a_log(client))
    await append(client, b"1", type_="x.y")
    await log.record(await read(log))
    narrower = await opened(a_log(client, types=["a.b"]))
    assert await read(narrower) == []
    assert (await narrower.measures()).pending == 0


async def test_one_look_passes_over_a_thousand_that_are_not_wanted_and_the_next_goes_on(client: Redis) -> None:
    log = await opened(a_log(client, types=["a.b"]))
    async with client.pipeline() as pipeline:
        for _ in range(2500):
            pipeline.xadd(KEYS.stream, {"__data__": b"x", "__type__": "x.y"})
        await pipeline.execute()
    assert await read(log) == []
    assert 1490 <= (await log.measures()).lag <= 1500
    await append(client, b"wanted")
    assert contents(await log.read(10, MUCH, 5)) == [b"wanted"]


@pytest.mark.parametrize("type_", ["a.b", "a", "", "ab", "a.b.c", "x%a.b", "ünï.ß", "a.b\n", "-[]^$()+?"])
@pytest.mark.parametrize("types", [["a.b"], ["a.*"], ["*.b", "x.*"], ["*"], ["-[]^$()+?"], ["ünï.*"], ["a**b"], []])
async def test_a_pattern_takes_what_the_handler_asked_for(client: Redis, types: list[str], type_: str) -> None:
    assert await is_matched(client, types, type_) is bool(type_pattern(*types).fullmatch(type_))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.text("ab*.%-]^\n\0ß", min_size=1), min_size=1), st.text("ab.%-]^\n\0ß"))
async def test_a_pattern_takes_what_the_handler_asked_for_whatever_it_is(
    valkey_url: str, types: list[str], type_: str
) -> None:
    async with Redis.from_url(valkey_url) as client:
        assert await is_matched(client, types, type_) is bool(type_pattern(*types).fullmatch(type_))


async def is_matched(client: Redis, types: list[str], type_: str) -> bool:
    patterns = lua_patterns(types)
    text = "for i = 2, #ARGV do if string.find(ARGV[1], ARGV[i]) then return 1 end end return 0"
    return not patterns or bool(await client.eval(text, 0, type_, *patterns))


async def test_an_entry_that_is_no_event_is_read_as_its_fields_so_that_its_letter_has_them(client: Redis) -> None:
    log = await opened(a_log(client, types=["a.b"]))
    await client.xadd(KEYS.stream, {"name": "ünï", b"\xff": "1"})
    [entry] = await read(log)
    assert (json.loads(entry.content or b""), entry.type) == ({"name": "ünï", r"\xff": "1"}, None)
    assert await log.content_of(entry) == entry.content
    await log.dead_letter(entry)
    [[_, letter]] = await client.xrange(KEYS.dead)
    assert letter[b"__data__"] == entry.content


async def test_large_events_are_read_few_at_a_time(client: Redis, shared: bool) -> None:
    log = await opened(a_log(client, shared=shared))
    await append(client, *of_size(20, 300_000))
    assert len(await log.read(100, 1_000_000, 0)) == 4
    await log.open()
    assert len(await log.read(100, 1_000_000, 0)) == 4


async def test_a_large_event_after_small_ones_brings_few_more_than_the_bound(client: Redis) -> None:
    log = await opened(a_log(client))
    await append(client, *of_size(10, 10), *of_size(20, 300_000))
    assert sum(len(entry.content or b"") for entry in await log.read(100, 400_000, 0)) < 8 * 300_000 + 1000


async def test_claiming_for_a_new_leader_sends_no_contents(client: Redis) -> None:
    one = await opened(a_log(client))
    await append(client, *of_size(20, 100_000))
    await one.read(20, 10 * MUCH, 0)
    await one.abdicate()
    two = await opened(a_log(client, "two"))
    before = await sent(client)
    await two.claim_all()
    assert await sent(client) - before < 20_000
    assert len(await two.read(100, 450_000, 0)) == 5


async def test_what_the_dead_had_is_claimed_a_few_at_a_time_if_it_is_large_and_the_rest_at_once_after(
    client: Redis,
) -> None:
    one = await opened(a_log(client, shared=True))
    await append(client, *of_size(20, 300_000))
    await one.release(await one.read(20, 10 * MUCH, 0))
    two = await opened(a_log(client, "two", shared=True))
    assert await read(two) == []
    sizes = [len(await two.read(100, 1_000_000, 0)) for _ in range(8)]
    assert sizes[0] <= 4
    assert sum(sizes) == 20
    consumers: Any = await client.xinfo_consumers(KEYS.stream, "s")
    assert {consumer["name"]: consumer["pending"] for consumer in consumers} == {b"one": 0, b"two": 20}


async def test_fresh_events_are_read_without_asking_for_records(client: Redis) -> None:
    log = await opened(a_log(client))
    await append(client, b"1", b"2")
    await client.config_resetstat()
    await log.acknowledge(await read(log))
    assert await calls(client, "hget", "hmget", "hdel", "hset", "evalsha", "xack") == [0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize("record", UNREADABLE)
async def test_a_record_that_cannot_be_read_is_none_and_said_once_and_goes_with_the_entry(
    client: Redis, record: str, caplog: pytest.LogCaptureFixture
) -> None:
    log = await opened(a_log(client))
    [entry_id] = await append(client, b"1")
    await read(log)
    await client.hset(KEYS.records("s"), entry_id.decode(), record)
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            await log.open()
            [entry] = await read(log)
            assert (entry.content, entry.failures, entry.due, entry.begun) == (b"1", (), 0, 0)
    assert [line.message for line in caplog.records] == ["record of attempts cannot be read; it counts as none"]
    await log.acknowledge([entry])
    assert not await client.exists(KEYS.records("s"))


async def test_subscriptions_that_wait_share_one_read_and_look_once_a_wait(client: Redis) -> None:
    waits = Waits(client, KEYS.stream)
    await append(client, b"1")
    logs = [await opened(a_log(client, subscription=f"s{number}", waits=waits)) for number in range(5)]
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
    waits = Waits(client, KEYS.stream)
    long = asyncio.create_task(waits.beyond(b"0-0", 60))
    await blocked(client)
    async with asyncio.timeout(0.5):
        assert not await waits.beyond(b"0-0", 0.05)
    await append(client, b"1")
    assert await long


async def test_those_that_wait_are_all_told_of_an_event_at_once(client: Redis) -> None:
    waits = Waits(client, KEYS.stream)
    logs = [await opened(a_log(client, subscription=f"s{number}", waits=waits)) for number in range(5)]
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


async def test_an_error_of_the_wait_reaches_everyone_who_waits(client: Redis) -> None:
    waits = Waits(client, KEYS.stream)
    logs = [await opened(a_log(client, subscription=f"s{number}", waits=waits)) for number in range(3)]
    reading = [asyncio.create_task(log.read(10, MUCH, 60)) for log in logs]
    await blocked(client)
    await client.delete(KEYS.stream)
    await client.set(KEYS.stream, "not a stream")
    for error in await asyncio.gather(*reading, return_exceptions=True):
        assert isinstance(error, EventLogError)
        assert re.search("WRONGTYPE|UNBLOCKED|no longer exists", str(error))


async def test_who_stops_waiting_leaves_the_others_and_the_last_one_ends_the_wait(client: Redis) -> None:
    waits = Waits(client, KEYS.stream)
    first, second = [asyncio.create_task(waits.beyond(b"0-0", 60)) for _ in range(2)]
    await blocked(client)
    first.cancel()
    await asyncio.wait([first])
    await append(client, b"1")
    assert await second
    last = asyncio.create_task(waits.beyond(b"9999999999999-0", 60))
    await blocked(client)
    last.cancel()
    async with asyncio.timeout(5):
        while (await client.info("clients"))["blocked_clients"]:
            await asyncio.sleep(0.01)


async def blocked(client: Redis) -> None:
    """Wait until somebody waits."""
    async with asyncio.timeout(5):
        while not (await client.info("clients"))["blocked_clients"]:
            await asyncio.sleep(0.01)
