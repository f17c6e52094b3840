"""Who is in the groups of a subscription, what is measured of them, and how many dead letters they have."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from qontract.adapters.redis.stream.measures import measures_of_all
from qontract.application.ports.event_log import Measures
from tests.support.redis_event_log import (
    KEYS,
    MUCH,
    a_log,
    append,
    calls,
    contents,
    dead_letters_at,
    opened,
    read,
    sent,
)
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey_url) as client:
        yield client


async def names(client: Redis) -> list[bytes]:
    consumers: Any = await client.xinfo_consumers(KEYS.stream, "s")
    return sorted(consumer["name"] for consumer in consumers)


async def test_every_group_of_the_stream_is_measured_while_nobody_reads(client: Redis) -> None:
    await append(client, b"1", b"2", b"3")
    for name in ("s", "other"):
        await a_log(client, subscription=name).open()
    await client.xgroup_create(KEYS.stream, b"not ours \xff", id="$")
    await client.xgroup_create(KEYS.stream, "ours, in the middle", id="0")
    await client.xreadgroup("ours, in the middle", "x", {KEYS.stream: ">"}, count=1)
    found = await measures_of_all(client, KEYS)
    assert {name: (m.lag, m.pending, m.dead_letters) for name, m in found.items()} == {
        "s": (3, 0, 0),
        "other": (3, 0, 0),
        "not ours \ufffd": (0, 0, 0),
        "ours, in the middle": (2, 1, 0),
    }
    assert [found[name].replicas for name in ("s", "ours, in the middle")] == [0, 1]


async def test_a_replica_that_is_silent_for_long_does_not_count(client: Redis) -> None:
    log = await opened(a_log(client))
    await read(log)
    assert (await measures_of_all(client, KEYS))["s"].replicas == 1

    async def none_counts() -> bool:
        return not (await measures_of_all(client, KEYS, 0.01))["s"].replicas

    await eventually(none_counts)


async def test_without_a_stream_there_is_nothing_to_measure(client: Redis) -> None:
    assert await measures_of_all(client, KEYS) == {}
    assert not await client.exists(KEYS.stream)


async def test_measuring_sends_no_event(client: Redis) -> None:
    log = await opened(a_log(client))
    await append(client, *(b"x" * 500_000 for _ in range(4)))
    await log.read(1, MUCH, 0)
    before = await sent(client)
    measures = await log.measures()
    assert (measures.lag, measures.pending) == (3, 1)
    assert await sent(client) - before < 20_000


async def test_where_redis_does_not_know_the_lag_it_is_at_most_what_is_kept(client: Redis) -> None:
    log = await opened(a_log(client))
    ids = await append(client, b"1", b"2", b"3", b"4", b"5")
    await log.acknowledge(await read(log, 1))
    await client.xdel(KEYS.stream, ids[3])
    groups: Any = await client.xinfo_groups(KEYS.stream)
    assert groups[0]["lag"] is None
    assert 3 <= (await log.measures()).lag <= 4
    await log.acknowledge(await read(log))
    assert await log.measures() == Measures(0, 0, 0, 0, 1)


async def test_the_oldest_is_the_oldest_of_what_is_pending_not_read_and_redriven(client: Redis) -> None:
    now: Any = await client.time()
    log = await opened(a_log(client))
    ages = [(KEYS.redriven("s"), 300), (KEYS.stream, 200), (KEYS.stream, 100)]
    for stream, age in ages:
        await client.xadd(stream, {"__data__": b"x"}, id=f"{(now[0] - age) * 1000}-1")
    oldest = []
    for _ in ages:
        oldest.append((await log.measures()).oldest_seconds)
        entries = await read(log, 1)
        assert round((await log.measures()).oldest_seconds, -1) == round(oldest[-1], -1)
        await log.acknowledge(entries)
    assert oldest == [pytest.approx(age, abs=10) for _, age in ages]


async def test_dead_letters_are_counted_until_they_are_redriven_or_discarded(client: Redis, valkey_url: str) -> None:
    dead_letters = dead_letters_at(valkey_url)
    log, other = await opened(a_log(client)), await opened(a_log(client, subscription="other"))
    await append(client, b"1", b"2", b"3")
    for entry in await read(log):
        await log.dead_letter(entry)
    assert [(await view.measures()).dead_letters for view in (log, other)] == [3, 0]
    first, second, _ = (letter.id for letter in dead_letters.iterate())
    assert dead_letters.redrive(first)
    assert dead_letters.discard(second)
    assert not dead_letters.redrive(first)
    assert not dead_letters.discard(second)
    assert (await log.measures()).dead_letters == 1
    await client.delete(KEYS.dead)
    assert (await log.measures()).dead_letters == 0


async def test_a_letter_that_nobody_counted_makes_no_count_of_less_than_none(client: Redis, valkey_url: str) -> None:
    dead_letters = dead_letters_at(valkey_url)
    log = await opened(a_log(client))
    for _ in range(2):
        await client.xadd(KEYS.dead, {"__data__": b"1", "subscription": "s", "entry": "1-1", "failures": "[]"})
    first, second = (letter.id for letter in dead_letters.iterate())
    assert dead_letters.redrive(first)
    assert dead_letters.discard(second)
    for entry in [*await read(log), *await read(log)]:
        await log.dead_letter(entry)
    assert (await log.measures()).dead_letters == 1


async def test_a_redriven_entry_is_deleted_with_its_end_and_shows_what_it_is(client: Redis, valkey_url: str) -> None:
    log = await opened(a_log(client))
    await client.xadd(KEYS.redriven("s"), {"__data__": b"1"}, id="7-1")
    await client.xadd(KEYS.redriven("s"), {"__data__": b"2"}, id="7-2")
    one, two = await read(log)
    assert [str(entry.key) for entry in (one, two)] == ["redriven/7-1", "redriven/7-2"]
    await log.record([one, two])
    await log.acknowledge([one])
    await log.dead_letter(two)
    assert await client.xlen(KEYS.redriven("s")) == 0
    assert not await client.exists(KEYS.records("s"))
    [letter] = dead_letters_at(valkey_url).iterate()
    assert letter.entry == "redriven/7-2"


async def test_a_replica_that_leaves_with_entries_keeps_its_name_until_they_are_claimed(client: Redis) -> None:
    await append(client, b"1")
    one = await opened(a_log(client, shared=True, claim_seconds=0.02))
    await one.release(await read(one))
    await one.close()
    assert await names(client) == [b"one"]
    two = await opened(a_log(client, "two", shared=True, claim_seconds=0.02))
    assert contents(await read(two) + await read(two)) == [b"1"]

    async def two_is_left() -> bool:
        await two.open()
        return await names(client) == [b"two"]

    await eventually(two_is_left)


async def test_closing_forgets_who_has_been_away_for_long_with_nothing_in_hand(client: Redis) -> None:
    await read(await opened(a_log(client, "dead", shared=True)))
    one = await opened(a_log(client, shared=True))
    await read(one)
    await one.close()
    assert await names(client) == [b"dead"]
    other = a_log(client, "other", shared=True, claim_seconds=0.01)

    async def none_is_left() -> bool:
        await other.close()
        return not await names(client)

    await eventually(none_is_left)


async def test_a_heartbeat_of_many_is_several_short_scripts(client: Redis) -> None:
    log = await opened(a_log(client, shared=True))
    async with client.pipeline() as pipeline:
        for number in range(1200):
            pipeline.xadd(KEYS.stream, {"__data__": b"%d" % number})
        await pipeline.execute()
    held = await read(log, 800) + await read(log, 800)
    await client.config_resetstat()
    await log.heartbeat(held)
    assert await calls(client, "evalsha", "xclaim") == [3, 1200]


async def test_a_leader_shows_its_life_by_its_lease_alone(client: Redis) -> None:
    log = await opened(a_log(client))
    await append(client, b"1")
    held = await read(log)
    await client.config_resetstat()
    await log.heartbeat(held)
    await log.release(held)
    assert await calls(client, "evalsha", "xclaim") == [0, 0]


async def test_the_lease_ends_after_the_milliseconds_that_were_asked_for(client: Redis) -> None:
    log = a_log(client)
    for seconds in (10, 3.5):
        assert await log.lead(seconds)
        assert seconds * 1000 - 500 < await client.pttl(KEYS.lease("s")) <= seconds * 1000
