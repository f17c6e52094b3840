"""Delivery on a real Valkey: what only a server can lose, share, or refuse."""

import asyncio
import json
import logging
import time
from typing import Any

import pytest
import redis

from qontract.application.delivery.counts import DeliveryCount
from qontract.application.delivery.session import Limits
from qontract.application.ports.event_handler import Policy
from qontract.application.ports.event_publisher import EventPublisherError
from tests.support.delivering import NAME, Handler, an_event, failing
from tests.support.redis_delivery import STREAM, ask, pending, publish, replica
from tests.support.redis_event_log import dead_letters_at
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

ERROR = RuntimeError("not this time")
SHARED = Policy(shared=True, concurrency=40)
PATIENT = Policy(backoff=1000, max_backoff=1000)


class Gate:
    """The trouble of a handler that may end when it is told to."""

    def __init__(self) -> None:
        self.reached, self.may_end = asyncio.Event(), asyncio.Event()

    async def __call__(self, _: int, __: int) -> None:
        self.reached.set()
        await self.may_end.wait()


def kept(url: str) -> list[int]:
    entries = ask(url, "XRANGE", STREAM, "-", "+")
    return [json.loads(fields[b"__data__"])["data"]["number"] for _, fields in entries]


async def test_a_backlog_of_20_000_is_shared_by_two_replicas_whoever_started_first(valkey_url: str) -> None:
    async def work(_: int, __: int) -> None:
        await asyncio.sleep(0.004)

    for start in range(0, 20_000, 1000):
        publish(valkey_url, *(an_event(number) for number in range(start, start + 1000)))
    first, second = Handler(SHARED, work), Handler(SHARED, work)
    async with replica(valkey_url, first, "one", Limits()):
        await eventually(lambda: len(first.handled) > 0)
        async with replica(valkey_url, second, "two", Limits()):
            await eventually(lambda: len(first.handled) + len(second.handled) == 20_000, seconds=40)
    assert min(len(first.handled), len(second.handled)) > 20_000 / 3
    assert sorted(first.handled + second.handled) == list(range(20_000))


@pytest.mark.parametrize("command", [("FLUSHALL",), ("DEL", STREAM)], ids=["FLUSHALL", "DEL"])
@pytest.mark.parametrize("policy", [Policy(), Policy(shared=True)], ids=["ordered", "shared"])
async def test_a_stream_that_disappears_is_read_again_from_what_is_there(
    valkey_url: str, command: tuple[str, ...], policy: Policy
) -> None:
    handler = Handler(policy)
    async with replica(valkey_url, handler) as one:
        publish(valkey_url, an_event(1))
        await eventually(lambda: handler.handled == [1] and pending(valkey_url) == 0)
        ask(valkey_url, *command)
        publish(valkey_url, an_event(2))
        await eventually(lambda: handler.handled == [1, 2] and pending(valkey_url) == 0)
        assert one.loops[NAME].fresh(5)
        assert one.counts[DeliveryCount.REBUILT] >= 1


async def test_a_group_that_disappears_is_made_again_within_5_seconds_and_counted(valkey_url: str) -> None:
    handler = Handler()
    publish(valkey_url, an_event(1))
    async with replica(valkey_url, handler) as one:
        await eventually(lambda: handler.handled == [1])
        ask(valkey_url, "XGROUP", "DESTROY", STREAM, NAME)
        await eventually(lambda: one.counts[DeliveryCount.REBUILT] == 1 and one.loops[NAME].fresh(5), seconds=5)
        publish(valkey_url, an_event(2))
        await eventually(lambda: handler.handled[-1] == 2 and pending(valkey_url) == 0)


async def test_what_a_subscription_has_not_acknowledged_is_not_trimmed_under_it_and_what_is_done_is(
    valkey_url: str,
) -> None:
    handler = Handler(PATIENT, failing(ERROR, 3))
    publish(valkey_url, *(an_event(number, f"subject-{number}") for number in range(5)))
    async with replica(valkey_url, handler) as one:
        await eventually(lambda: pending(valkey_url) == 1)
        await asyncio.sleep(0.02)  # older than what is kept
        assert (await one.logs.trim(0.01, 60)).events == 3
        assert kept(valkey_url) == [3, 4]
        publish(valkey_url, an_event(5, "later"))
        await eventually(lambda: 5 in handler.handled)


async def test_what_vanished_behind_its_back_is_logged_with_its_id_and_counted_as_expired(
    valkey_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    publish(valkey_url, *map(an_event, range(3)))
    [first, *_] = ask(valkey_url, "XRANGE", STREAM, "-", "+")
    async with replica(valkey_url, Handler(Policy(backoff=0.5), failing(ERROR, 0))) as one:
        await eventually(lambda: one.counts[DeliveryCount.RETRIED] == 1)
        ask(valkey_url, "XTRIM", STREAM, "MAXLEN", 0)
        publish(valkey_url, an_event(9, "later"))
        await eventually(lambda: one.counts[DeliveryCount.EXPIRED] == 3 and pending(valkey_url) == 0)
    lines = [record for record in caplog.records if record.message == "event expired before it was handled"]
    assert all(line.levelno == logging.ERROR for line in lines)
    assert first[0].decode() in {line.__dict__["entry"] for line in lines}
    assert len({line.__dict__["entry"] for line in lines}) == 3


async def test_what_a_dead_replica_had_read_is_claimed_and_handled_in_order(valkey_url: str) -> None:
    publish(valkey_url, *map(an_event, range(5)))
    gate, handler = Gate(), Handler()
    async with replica(valkey_url, Handler(trouble=gate)):
        await gate.reached.wait()
    assert ask(valkey_url, "GET", f"qontract:{{main}}:lease:{NAME}") == b"one"
    assert pending(valkey_url) == 5
    async with replica(valkey_url, handler, "two") as two:
        await eventually(lambda: len(handler.handled) == 5 and pending(valkey_url) == 0)
    assert handler.handled == list(range(5))
    assert two.counts[DeliveryCount.CLAIMED] == 5


async def test_what_a_dead_replica_had_of_a_shared_subscription_is_claimed(valkey_url: str) -> None:
    publish(valkey_url, *map(an_event, range(5)))
    gate, handler = Gate(), Handler(SHARED)
    async with replica(valkey_url, Handler(SHARED, gate)):
        await gate.reached.wait()
        await eventually(lambda: pending(valkey_url) == 5)
    async with replica(valkey_url, handler, "two"):
        await eventually(lambda: pending(valkey_url) == 0 and len(handler.handled) == 5)
    assert sorted(handler.handled) == list(range(5))


async def test_a_replica_that_stops_leaves_nothing_for_the_next_one_to_wait_for(valkey_url: str) -> None:
    publish(valkey_url, *map(an_event, range(5)))
    gate, handler = Gate(), Handler()
    async with replica(valkey_url, Handler(trouble=gate), limits=Limits(claim_seconds=600)) as one:
        await gate.reached.wait()
        stopping = asyncio.create_task(one.stop())
        gate.may_end.set()
        await stopping
    async with replica(valkey_url, handler, "two", Limits(claim_seconds=600)):
        await eventually(lambda: handler.handled == [1, 2, 3, 4], seconds=5)


@pytest.mark.parametrize("shared", [False, True], ids=["ordered", "shared"])
async def test_a_redriven_event_reaches_only_the_subscription_that_gave_it_up(valkey_url: str, shared: bool) -> None:
    policy = Policy(shared=shared, max_attempts=1)
    other, failed = Handler(policy), Handler(policy, failing(ERROR, 1))
    letters = dead_letters_at(valkey_url)
    async with replica(valkey_url, {"other": other, "failed": failed}):
        publish(valkey_url, an_event(1), an_event(2))
        await eventually(lambda: other.handled == [1, 2] and failed.handled == [2] and len([*letters.iterate()]) == 1)
        failed._trouble = None
        assert letters.redrive(next(letters.iterate()).id)
        await eventually(lambda: failed.handled == [2, 1])
        await eventually(lambda: ask(valkey_url, "XLEN", "qontract:{main}:redriven:failed") == 0)
    assert other.handled == [1, 2]
    assert failed.attempts == [(1, 1), (2, 1), (1, 1)]


def used(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        found: Any = client.info("memory")
    return int(found["used_memory"])


async def test_a_full_server_is_drained_a_lease_is_taken_and_trimming_lets_publishing_work_again(
    valkey_url: str,
) -> None:
    large = [an_event(n).model_copy(update={"data": {"number": n, "text": "x" * 50_000}}) for n in range(200)]
    publish(valkey_url, *large)
    publish(valkey_url, an_event(200))
    ask(valkey_url, "CONFIG", "SET", "maxmemory-policy", "noeviction")
    ask(valkey_url, "CONFIG", "SET", "maxmemory", used(valkey_url) - 1_000_000)
    handler = Handler(Policy(max_attempts=2, backoff=0.05), failing(ERROR, 7))
    try:
        with pytest.raises(EventPublisherError, match="OutOfMemory"):
            publish(valkey_url, an_event(201))
        async with replica(valkey_url, handler) as one:
            await eventually(lambda: len(handler.handled) == 200 and pending(valkey_url) == 0)
            assert one.counts[DeliveryCount.DEAD_LETTERED] == 1
            assert (await one.logs.trim(0.001, 60)).events >= 200
            publish(valkey_url, an_event(202))
            await eventually(lambda: handler.handled[-1] == 202)
    finally:
        ask(valkey_url, "CONFIG", "SET", "maxmemory", 0)
    assert handler.handled[:-1] == [number for number in range(201) if number != 7]


async def test_a_session_that_is_cancelled_while_it_asks_leaves_no_task_behind(valkey_url: str) -> None:
    publish(valkey_url, *map(an_event, range(5)))
    gate = Gate()
    async with replica(valkey_url, Handler(SHARED, gate)) as one:
        await gate.reached.wait()
        begun = time.monotonic()
        one.runs[0].cancel()
        await asyncio.wait(one.runs)
        assert time.monotonic() - begun < 2
