"""Several ordered subscriptions of a process that are behind: the stream is looked at once for all of them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any

import pytest
from redis.asyncio import Redis

from qontract.adapters.redis import RedisEventLog
from qontract.adapters.redis.stream.read_ahead import ReadAheadCache
from qontract.application.ports.event_log import Entry, EventLogError, LeaseLostError
from qontract.domain.events import type_pattern
from tests.support.redis_event_log import KEYS, LONG, MUCH, a_log, append, calls, contents, lose_the_answer, read, sent

pytestmark = pytest.mark.anyio

ALL = ("*",)


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey_url) as client:
        yield client


async def behind(client: Redis, *wanted: Sequence[str]) -> list[RedisEventLog]:
    """Return a leading view for each of these types, all at the first entry."""
    read_ahead = ReadAheadCache(client, KEYS.stream)
    logs = [a_log(client, subscription=f"s{n}", types=types, read_ahead=read_ahead) for n, types in enumerate(wanted)]
    for log in logs:
        await log.open()
    for log in logs:
        await lead(log)
    return logs


async def lead(log: RedisEventLog) -> None:
    assert await log.lead(LONG)
    await log.claim_all()


async def publish(client: Redis, count: int, *types: str, start: int = 0) -> None:
    for number in range(start, start + count):
        await append(client, b"%d" % number, type_=types[number % len(types)])


async def rest(log: RedisEventLog, count: int = 100) -> list[Entry]:
    found: list[Entry] = []
    while entries := await read(log, count):
        found += entries
    return found


def numbers(entries: Sequence[Entry]) -> list[int]:
    return [int(entry.content or b"-1") for entry in entries if not entry.expired]


async def test_what_many_want_is_looked_at_and_sent_once(client: Redis) -> None:
    await append(client, *[b"x" * 10_000] * 50)
    logs = await behind(client, *[ALL] * 10)
    before = await sent(client)
    await client.config_resetstat()
    assert {len(found) for found in await asyncio.gather(*map(read, logs))} == {50}
    assert await sent(client) - before < 2 * 50 * 10_000
    assert await calls(client, "evalsha") == [10 + 1]
    assert [(await log.measures()).pending for log in logs] == [50] * 10


async def test_each_gets_what_it_wants_and_the_rest_is_passed_over_and_not_sent(client: Redis) -> None:
    await publish(client, 60, "a.a", "a.b", "x.y")
    await append(client, *[b"x" * 10_000] * 50, type_="nobody.wants")
    one, two, both = await behind(client, ["a.a"], ["a.b"], ["a.*"])
    before = await sent(client)
    assert numbers(await rest(one)) == list(range(0, 60, 3))
    assert numbers(await rest(two)) == list(range(1, 60, 3))
    assert numbers(await rest(both)) == [number for number in range(60) if number % 3 != 2]
    assert await sent(client) - before < 50_000
    for log, pending in ((one, 20), (two, 20), (both, 40)):
        measures = await log.measures()
        assert (measures.lag, measures.pending) == (0, pending)


async def test_what_has_no_type_everybody_gets(client: Redis) -> None:
    await client.xadd(KEYS.stream, {"__data__": b"1"})
    logs = await behind(client, ["a.b"], ["x.y"])
    assert [numbers(await read(log)) for log in logs] == [[1], [1]]


@pytest.mark.parametrize("seed", range(10))
async def test_whatever_they_read_at_once_and_wherever_they_begin_each_gets_all_in_order(
    client: Redis, seed: int
) -> None:
    random = Random(seed)
    types = ("a.a", "a.b", "x.y", "x.z")
    await publish(client, 300, *types)
    wanted = [random.choice([ALL, ("a.*",), ("x.y", "a.b"), ("x.z",)]) for _ in range(6)]
    logs, found = await behind(client, *wanted), [list[Entry]() for _ in wanted]
    for start in (300, 330):
        for _ in range(40):
            n = random.randrange(len(logs))
            found[n] += await read(logs[n], random.randint(1, 30))
            if not random.randrange(10):  # begin anew, with all that it holds
                await lead(logs[n])
                found[n] = []
        await publish(client, 30, *types, start=start)
    for log, those, before in zip(logs, wanted, found, strict=True):
        entries = before + await rest(log, random.randint(1, 100))
        expected = [number for number in range(360) if type_pattern(*those).fullmatch(types[number % 4])]
        assert numbers(entries) == expected
        assert not any(entry.expired for entry in entries)
        measures = await log.measures()
        assert (measures.lag, measures.pending) == (0, len(expected))


async def test_those_that_stopped_at_different_places_go_on_together(client: Redis) -> None:
    await publish(client, 1500, "a.b")
    logs = await behind(client, *[ALL] * 5)
    for number, log in enumerate(logs):
        await log.acknowledge(await read(log, 10 * number + 5))
        await log.abdicate()
    again = await behind(client, *[ALL] * 5)
    await client.config_resetstat()
    assert [numbers(await rest(log, 1000)) for log in again] == [list(range(10 * n + 5, 1500)) for n in range(5)]
    assert await calls(client, "xinfo|stream") == [2 + 1 + 1 + 1]  # looks that found something; the last is alone


async def test_one_that_is_behind_alone_reads_without_looking(client: Redis) -> None:
    log, other = await behind(client, ALL, ALL)
    await publish(client, 150, "a.b")
    assert await read(other, 200)
    assert await read(other) == []
    await client.config_resetstat()
    assert len(await read(log, 100)) == 100
    assert await calls(client, "evalsha", "xrange") == [1, 0]


async def test_one_that_falls_behind_later_gets_what_it_wants_of_what_others_have_looked_at(client: Redis) -> None:
    one, two, later = await behind(client, ["a.a"], ["a.a"], ["a.b"])
    assert await read(later) == []
    await publish(client, 20, "a.a", "a.b")
    assert [len(await read(log)) for log in (one, two)] == [10, 10]
    await later.claim_all()
    assert len(await read(later)) == 10


async def test_large_events_are_sent_to_nobody_else_and_within_the_bound(client: Redis) -> None:
    for number in range(10):
        await append(client, b"%d" % number)
        await append(client, b"x" * 300_000, type_="x.y")
    logs = await behind(client, ["a.b"], ["a.b"], ["x.y"])
    before = await sent(client)
    assert [len(await rest(log)) for log in logs[:2]] == [10, 10]
    assert await sent(client) - before < 100_000
    large = list(await logs[2].read(100, 1_000_000, 0))
    assert 1 <= len(large) <= 8
    assert len(large + await rest(logs[2])) == 10


async def test_what_is_read_at_once_is_within_the_bound_of_bytes(client: Redis) -> None:
    await append(client, *[b"x" * 1000] * 20)
    for log in await behind(client, ALL, ALL):
        assert [len(await log.read(100, size, 0)) for size in (5500, 10, 1_000_000)] == [5, 1, 14]


async def test_an_answer_that_got_lost_is_read_again_before_anything_new(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish(client, 9, "a.b")
    for log in await behind(client, ALL, ALL):
        assert numbers(await read(log, 3)) == [0, 1, 2]
        await lose_the_answer(client, "read", monkeypatch)
        with pytest.raises(EventLogError, match="lost"):
            await read(log, 3)
        again = await read(log, 3)
        assert (numbers(again), {entry.redelivered for entry in again}) == ([3, 4, 5], {True})
        assert numbers(await rest(log)) == [6, 7, 8]


async def test_a_look_that_fails_fails_who_waits_for_it_and_is_done_again(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish(client, 3, "a.b")
    logs = await behind(client, ALL, ALL)
    await lose_the_answer(client, "peek", monkeypatch)
    failed = await asyncio.gather(*map(read, logs), return_exceptions=True)
    assert [type(error) for error in failed] == [EventLogError, EventLogError]
    assert [numbers(await read(log)) for log in logs] == [[0, 1, 2]] * 2


async def test_a_look_goes_on_for_others_if_who_began_it_is_cancelled(client: Redis) -> None:
    await publish(client, 3, "a.b")
    one, two = [asyncio.create_task(read(log)) for log in await behind(client, ALL, ALL)]
    await asyncio.sleep(0)
    one.cancel()
    assert numbers(await two) == [0, 1, 2]


async def test_who_lost_the_lease_reads_nothing_that_others_looked_at(client: Redis) -> None:
    await publish(client, 3, "a.b")
    one, two = await behind(client, ALL, ALL)
    await read(two)
    await one.abdicate()
    with pytest.raises(LeaseLostError):
        await read(one)
    assert (await one.measures()).pending == 0
    await two.claim_all()
    await client.config_resetstat()
    assert len(await read(two)) == 3
    assert await calls(client, "xrange") == [0]  # it is behind alone now


@pytest.mark.parametrize("place", ["0", "$"])
async def test_a_place_that_somebody_else_set_counts(client: Redis, place: str) -> None:
    await publish(client, 9, "a.b")
    one, two = await behind(client, ALL, ALL)
    assert [numbers(await read(log, 3)) for log in (one, two)] == [[0, 1, 2]] * 2
    await client.xgroup_setid(KEYS.stream, "s0", place)
    assert numbers(await rest(one)) == (list(range(9)) if place == "0" else [])
    assert numbers(await rest(two)) == list(range(3, 9))


async def test_what_vanishes_between_the_look_and_the_read_is_expired_and_told_once(client: Redis) -> None:
    await publish(client, 10, "a.b", "x.y")
    logs = await behind(client, ALL, ["x.y"])
    for log in logs:
        await read(log, 1)
    kept: Any = await client.xrange(KEYS.stream)
    ids = [entry_id for entry_id, _ in kept]
    await client.xtrim(KEYS.stream, minid=ids[6], approximate=False)
    for log, left, gone in zip(logs, ([6, 7, 8, 9], [7, 9]), (ids[1:6], ids[3:6:2]), strict=True):
        entries = await rest(log)
        assert numbers(entries) == left
        assert [str(entry.key) for entry in entries if entry.expired] == [entry_id.decode() for entry_id in gone]
        measures = await log.measures()
        assert (measures.lag, measures.pending) == (0, len(left) + 1)


async def test_what_vanished_before_the_look_is_told_once_by_its_number(client: Redis) -> None:
    await publish(client, 10, "a.b")
    logs = await behind(client, ALL, ["x.y"])
    for log in logs:
        await log.acknowledge(await rest(log))
    await publish(client, 10, "a.b", start=10)
    await client.xtrim(KEYS.stream, maxlen=3, approximate=False)
    for log in logs:
        await log.claim_all()
    for log, left in zip(logs, ([17, 18, 19], []), strict=True):
        entries = await rest(log)
        assert [entry.expired for entry in entries if entry.expired] == [7]
        assert numbers(entries) == left
        assert (await log.measures()).lag == 0


async def test_one_that_was_deleted_before_the_look_is_told_at_the_end(client: Redis) -> None:
    await publish(client, 10, "a.b")
    logs = await behind(client, ALL, ALL)
    for log in logs:
        await read(log, 1)
    kept: Any = await client.xrange(KEYS.stream)
    await client.xdel(KEYS.stream, kept[1][0])
    for log in logs:
        await log.claim_all()
    assert [[entry.expired for entry in await rest(log) if entry.expired] for log in logs] == [[1], [1]]


async def test_how_far_it_has_come_is_known_on_the_way(client: Redis) -> None:
    await publish(client, 1200, "a.b")
    for log in await behind(client, ALL, ALL):
        await read(log)
        assert (await log.measures()).lag == 1100


async def test_the_segments_of_a_stream_that_was_lost_are_forgotten(client: Redis) -> None:
    await append(client, b"1", b"2")
    one, two = await behind(client, ALL, ALL)
    assert contents(await read(one)) == [b"1", b"2"]
    await client.delete(KEYS.stream)
    await client.xadd(KEYS.stream, {"__data__": b"3"}, id="1-1")
    for log in (one, two):
        await log.open()
    for log in (one, two):
        await log.claim_all()
    for log in (one, two):
        assert contents(await log.read(10, MUCH, 0)) == [b"3"]


async def test_a_full_redis_is_looked_at_and_read(client: Redis) -> None:
    await publish(client, 3, "a.b")
    logs = await behind(client, ALL, ALL)
    await client.config_set("maxmemory", 1)
    try:
        assert [numbers(await read(log)) for log in logs] == [[0, 1, 2]] * 2
    finally:
        await client.config_set("maxmemory", 0)
