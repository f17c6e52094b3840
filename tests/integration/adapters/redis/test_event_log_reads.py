"""What reading costs: Redis' own part of the event log."""

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from qontract.adapters.redis.stream.read_ahead import ReadAheadCache
from qontract.adapters.redis.stream.type_patterns import lua_patterns
from qontract.application.ports.event_log import Entry
from qontract.domain.events import type_pattern
from tests.support.redis_event_log import KEYS, MUCH, a_log, append, calls, contents, opened, read, sent

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


async def test_one_look_passes_over_two_thousand_that_are_not_wanted_and_the_next_goes_on(client: Redis) -> None:
    log = await opened(a_log(client, types=["a.b"]))
    async with client.pipeline() as pipeline:
        for _ in range(5500):
            pipeline.xadd(KEYS.stream, {"__data__": b"x", "__type__": "x.y"})
        await pipeline.execute()
    assert await read(log) == []
    assert 3480 <= (await log.measures()).lag <= 3500
    await append(client, b"wanted")
    await client.config_resetstat()
    assert contents(await log.read(10, MUCH, 5)) == [b"wanted"]
    assert await calls(client, "evalsha", "xread") == [2, 0]


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


async def test_a_type_of_more_than_a_thousand_bytes_is_sent_to_everybody_for_it_is_not_matched_in_redis(
    client: Redis, shared: bool
) -> None:
    log = await opened(a_log(client, shared=shared, types=["*x*y*"]))
    await append(client, b"1", type_="a" * 1000)
    await append(client, b"2", type_="a" * 1001)
    assert contents(await read(log)) == [b"2"]


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
    letters: Any = await client.xrange(KEYS.dead)
    [[_, letter]] = letters
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


async def test_one_look_for_many_brings_a_mebibyte_at_most(client: Redis) -> None:
    read_ahead = ReadAheadCache(client, KEYS.stream)
    read_ahead.behind["another"] = []
    await append(client, *of_size(40, 60_000))
    log = await opened(a_log(client, read_ahead=read_ahead))
    await log.claim_all()
    before = await sent(client)
    assert len(await read(log, 1)) == 1
    assert await sent(client) - before < 1_100_000


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
    pending: Any = await client.xpending_range(KEYS.stream, "s", "-", "+", 20)
    assert {entry["times_delivered"] for entry in pending} == {1, 2}


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


async def test_what_is_claimed_hides_nothing_of_what_was_still_to_be_received(client: Redis) -> None:
    kept = [b"%d" % number for number in range(6)]
    await append(client, *kept)
    one, two = [await opened(a_log(client, name, shared=True)) for name in ("one", "two")]
    await read(two, 4)
    await one.release(await read(one))
    await two.open()
    found = [entry.content for _ in range(6) for entry in await read(two, 2)]
    assert sorted(str(content) for content in found) == [str(content) for content in kept]


async def test_it_looks_for_what_to_claim_once_in_a_while(client: Redis) -> None:
    log = await opened(a_log(client, shared=True))
    await client.config_resetstat()
    for _ in range(10):
        await read(log)
    assert await calls(client, "xautoclaim") == [2]


async def test_fresh_events_are_read_without_asking_for_records(client: Redis) -> None:
    log = await opened(a_log(client))
    await append(client, b"1", b"2")
    await client.config_resetstat()
    await log.acknowledge(await read(log))
    assert await calls(client, "hget", "hmget", "hdel", "hset", "evalsha", "xack") == [0, 0, 0, 0, 2, 1]


async def test_any_number_is_acknowledged_at_once(client: Redis) -> None:
    log = await opened(a_log(client))
    await append(client, *[b"x"] * 2100)
    entries = await read(log, 1100) + [Entry(f"1-{number}", None) for number in range(9000)] + await read(log, 1000)
    await log.acknowledge(entries)
    assert (await log.measures()).pending == 0


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
