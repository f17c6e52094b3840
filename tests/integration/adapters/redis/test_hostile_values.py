"""Values in a real Redis that are not what qontract wrote, in the hands of what reads them."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from qontract.adapters.redis import RedisBroker, RedisEventPublisher, RedisIntents
from qontract.adapters.redis.records.attempt_records import failures_to_json, record_to_json, restore_attempts
from qontract.adapters.redis.stream.measures import measures_of_all
from qontract.adapters.redis.stream.retention import trim
from qontract.adapters.redis.wrong_type_keys import MAX_LEASE, set_wrong_keys_aside
from qontract.application.delivery.attempts import fail_begun_attempt
from qontract.application.ports.event_log import Entry, EventLogError
from qontract.domain.dead_letters import FailedAttempt
from qontract.domain.events import DomainEvent
from tests.support.hostile import ODD_BYTES, odd_objects, other_types
from tests.support.redis_delivery import ask
from tests.support.redis_event_log import KEYS, a_log, append, opened, read

SCOPE = "slack-usergroups/coreos"
FAILURE = {"time": "2026-01-31T09:30:00+00:00", "error": "ValueError: no"}
COUNTS = ["x", "", "1.5", "-5", "nan", "inf", "1e300", "9" * 30, "\x1b[2J"]


@pytest.fixture
def server(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_url) as client:
        yield client


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey_url) as client:
        yield client


@pytest.fixture
def broker(valkey_url: str) -> Iterator[RedisBroker]:
    with RedisBroker(valkey_url) as broker:
        yield broker


@pytest.fixture
def intents(broker: RedisBroker) -> RedisIntents:
    return RedisIntents(broker, channel="main", source="/there")


def an_event() -> DomainEvent:
    return DomainEvent(type="a.b", source="/there", data={})


def unreadable(store: str) -> float:
    return REGISTRY.get_sample_value("qontract_unreadable_values_total", {"store": store}) or 0.0


def hostile_intents() -> Iterator[tuple[str, bytes]]:
    yield from ODD_BYTES.items()
    event = an_event()
    texts = [*ODD_BYTES.items(), *odd_objects(json.loads(event.model_dump_json()))]
    yield from ((name, json.dumps([SCOPE, text.decode(errors="replace")]).encode()) for name, text in texts)
    scopes: list[Any] = [None, 5, [], {}, "", "x" * 1000, "\x1b[2J", "\ud800"]
    for scope in scopes:
        yield f"scope {str(scope)[:20]!r}", json.dumps([scope, event.model_dump_json()]).encode()


def test_an_intent_that_cannot_be_read_keeps_none_of_the_others_back_and_is_named_and_counted_once(
    intents: RedisIntents, server: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    event, before = an_event(), unreadable("intents")
    intents.record(SCOPE, event)
    hostile = dict(hostile_intents())
    server.hset(KEYS.intents, mapping={f"\x1b[2J{name}": value for name, value in hostile.items()})
    for _ in range(3):
        assert intents.pending() == {SCOPE: [event]}
    assert unreadable("intents") - before == len(hostile) > 150
    assert len(caplog.records) == 101  # the last one says that there are more
    assert all(len(str(record.__dict__)) < 5000 for record in caplog.records)
    assert not any("\x1b" in str(value) for record in caplog.records for value in record.__dict__.values())
    intents.resolve([event], applied=True)
    assert intents.pending() == {}


@pytest.mark.parametrize(("kind", "command"), [*other_types(KEYS.intents, than="hash")])
def test_a_key_of_another_type_in_place_of_the_intents_stops_neither_publishing_nor_intents(
    broker: RedisBroker,
    server: redis.Redis,
    valkey_url: str,
    kind: str,
    command: tuple[str, ...],
) -> None:
    intents = RedisIntents(broker, channel="main", source="/there")
    ask(valkey_url, *command)
    RedisEventPublisher(broker, channel="main", stream=KEYS.stream, source="/there").publish([an_event()])
    assert server.xlen(KEYS.stream) == 1
    event = an_event()
    intents.record(SCOPE, event)
    assert intents.pending() == {SCOPE: [event]}
    aside = KEYS.set_aside(KEYS.intents)
    assert server.type(aside) == kind.encode()
    assert 0 < server.ttl(aside) <= 7 * 24 * 3600


def hostile_records() -> Iterator[tuple[str, bytes]]:
    yield from ODD_BYTES.items()
    yield from odd_objects({"failures": [FAILURE], "due": 1.0, "begun": 2.0})
    for name, odd in odd_objects(FAILURE):
        yield f"failure: {name}", b'{"due": 0, "begun": 0, "failures": [' + odd + b"]}"


@pytest.mark.anyio
async def test_an_unreadable_record_of_attempts_counts_as_none_and_every_entry_is_delivered(
    client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    hostile = dict(hostile_records())
    before = unreadable("records")
    log = await opened(a_log(client))
    ids = await append(client, *(name.encode() for name in hostile))
    await read(log, 1000)
    for entry_id, record in zip(ids, hostile.values(), strict=True):
        await client.hset(KEYS.records("s"), entry_id, record)
    again = await opened(a_log(client))
    await again.claim_all()
    entries: list[Entry] = []
    while some := await read(again, 1000):
        entries += some
    assert {entry.content for entry in entries} == {name.encode() for name in hostile}
    now: float = (await client.time())[0]
    for entry in entries:
        assert 0 <= entry.due <= now + 367 * 24 * 3600
        assert all(len(failure.error) <= 1000 for failure in entry.failures)
        fail_begun_attempt(entry)
    assert unreadable("records") > before
    assert all(len(record.__dict__.get("error", "")) < 300 for record in caplog.records)


@pytest.mark.anyio
@pytest.mark.parametrize("count", COUNTS)
async def test_a_count_of_dead_letters_that_is_none_makes_no_letter_twice_and_hides_no_measure(
    client: Redis, count: str
) -> None:
    log = await opened(a_log(client))
    await append(client, b"1")
    [entry] = await read(log)
    await client.hset(KEYS.dead_counts, "s", count)
    assert (await measures_of_all(client, KEYS))["s"].dead_letters == 0
    await log.dead_letter(entry)
    assert await client.xlen(KEYS.dead) == 1
    measured = (await measures_of_all(client, KEYS))["s"]
    assert (measured.pending, measured.dead_letters >= 0) == (0, True)


@pytest.mark.anyio
@pytest.mark.parametrize("time", [count for count in COUNTS if count != "1.5"])
async def test_a_sign_of_life_that_is_no_time_neither_stops_the_trimming_nor_lives_for_ever(
    client: Redis, time: str
) -> None:
    await opened(a_log(client))
    await client.hset(KEYS.alive, "s", time)
    await trim(client, KEYS, retention_seconds=1, abandoned_seconds=1)
    now: int = (await client.time())[0]
    assert int(await client.hget(KEYS.alive, "s") or 0) in (now - 1, now)


@pytest.mark.anyio
async def test_a_foreign_group_of_any_name_hides_no_measure_and_stops_no_trimming(client: Redis) -> None:
    await opened(a_log(client))
    await append(client, b"1")
    for name in (b"\xff\xfe", b"\x1b[2J", b"x" * 10_000, b"foreign"):
        await client.xgroup_create(KEYS.stream, name, 0)
    await client.set(KEYS.redriven("foreign"), "x")
    measured = await measures_of_all(client, KEYS)
    assert measured["s"].lag == 1
    assert all(len(name) <= 100 for name in measured)
    await client.hset(KEYS.alive, mapping=dict.fromkeys([b"\xff\xfe", b"\x1b[2J", b"x" * 10_000], 1))
    trimmed = await trim(client, KEYS, retention_seconds=1, abandoned_seconds=1)
    assert len(trimmed.abandoned) == 3
    assert all(name.isprintable() and len(name) <= 201 for name in trimmed.abandoned)


OUR_TYPES = {
    KEYS.intents: "hash",
    KEYS.dead: "stream",
    KEYS.dead_counts: "hash",
    KEYS.alive: "hash",
    KEYS.redriven("s"): "stream",
    KEYS.records("s"): "hash",
    KEYS.lease("s"): "string",
}


@pytest.mark.anyio
async def test_a_key_of_ours_that_has_another_type_is_set_aside_and_named(
    client: Redis, valkey_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    number = 0
    for key, ours in OUR_TYPES.items():
        for kind, command in other_types(key, than=ours):
            ask(valkey_url, *command)
            await set_wrong_keys_aside(client, KEYS, ("s",), max_lease=MAX_LEASE)
            assert await client.type(key) == b"none"
            assert await client.type(KEYS.set_aside(key)) == kind.encode()
            number += 1
    assert len(caplog.records) == number == 35
    assert (caplog.records[0].__dict__["key"], caplog.records[0].__dict__["was"]) == (KEYS.intents, "string")


@pytest.mark.anyio
async def test_what_is_as_it_should_be_stays(client: Redis) -> None:
    log = await opened(a_log(client))
    await append(client, b"1", b"2")
    one, two = await read(log)
    await log.record([one])
    await log.dead_letter(two)
    before = {key: await client.dump(key) for key in await client.keys()}
    await set_wrong_keys_aside(client, KEYS, ("s",), max_lease=MAX_LEASE)
    assert {key: await client.dump(key) for key in await client.keys()} == before
    assert not await a_log(client, "two").lead(1)


@pytest.mark.anyio
@pytest.mark.parametrize("lease", [None, 10**9, int(MAX_LEASE) + 60])
async def test_a_lease_that_has_no_end_or_one_too_far_off_is_taken_over_and_named(
    client: Redis, caplog: pytest.LogCaptureFixture, lease: int | None
) -> None:
    log = a_log(client)
    await log.open()
    await client.set(KEYS.lease("s"), "somebody", ex=lease)
    assert not await log.lead(1)
    await set_wrong_keys_aside(client, KEYS, ("s",), max_lease=MAX_LEASE)
    assert await log.lead(1)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert caplog.records[0].__dict__["was"] == "without an end"


@pytest.mark.anyio
async def test_a_stream_of_dead_letters_that_takes_no_more_entries_is_set_aside_and_its_letters_come_back(
    client: Redis,
) -> None:
    log = await opened(a_log(client))
    await append(client, b"1", b"2")
    one, two = await read(log)
    await log.dead_letter(one)
    before: Any = await client.xrange(KEYS.dead)
    await client.xadd(KEYS.dead, {"x": "y"}, f"{2**64 - 1}-{2**64 - 1}")
    with pytest.raises(EventLogError, match="exhausted"):
        await log.dead_letter(two)
    await set_wrong_keys_aside(client, KEYS, ("s",), max_lease=MAX_LEASE)
    await log.dead_letter(two)
    letters: Any = await client.xrange(KEYS.dead)
    assert (letters[:1], len(letters)) == (before, 2)
    assert await client.xlen(KEYS.set_aside(KEYS.dead)) == 1


def test_the_error_of_an_attempt_is_cut_where_it_is_kept() -> None:
    failure = FailedAttempt(datetime.now(UTC), "x" * 100_000)
    entry = Entry("1-1", b"x", failures=(failure,))
    assert len(record_to_json(entry)) < 1200
    assert len(failures_to_json([failure])) < 1200
    restore_attempts(entry, record_to_json(entry).encode())
    assert entry.failures == (failure._replace(error="x" * 1000),)
