"""One subscription at work: which of several replicas works, in memory."""

import asyncio
import logging

import pytest
from pytest_mock import MockerFixture

from qontract.adapters.memory import InMemoryEventStore
from qontract.application.delivery.session import Limits
from qontract.application.ports.event_handler import Policy
from qontract.application.ports.event_log import EventLogError
from tests.support.delivering import Fault, Handler, an_event, on_virtual_clock, pending, publish, replica, until

FOREVER = 1e6
AWAY = EventLogError("the log is away")


async def endless(_: int, __: int) -> None:
    await asyncio.sleep(FOREVER)


async def for_a_minute(_: int, __: int) -> None:
    await asyncio.sleep(60)


@on_virtual_clock
async def test_a_second_replica_stands_by_while_the_first_works_and_goes_on_in_order_after_its_death() -> None:
    events, first, second = InMemoryEventStore(), Handler(Policy(timeout=FOREVER)), Handler()

    async def stay_at_3(number: int, _: int) -> None:
        await asyncio.sleep(FOREVER if number == 3 else 0)

    first._trouble = stay_at_3
    publish(events, *map(an_event, range(8)))
    async with replica(events, first) as one, replica(events, second, "two") as two:
        await until(lambda: first.handled == [0, 1, 2])
        await asyncio.sleep(600)
        assert second.attempts == []
        assert two.loop.fresh(5)
        one.kill()
        await until(lambda: len(second.handled) == 5, seconds=10)
    assert second.handled == [3, 4, 5, 6, 7]


@on_virtual_clock
async def test_a_replica_that_stops_hands_over_at_once_and_runs_nothing_any_more_when_it_does() -> None:
    events, order = InMemoryEventStore(), list[str]()

    async def slow_to_end(_: int, __: int) -> None:
        try:
            await asyncio.sleep(FOREVER)
        finally:
            await asyncio.sleep(2)
            order.append("first ended")

    async def note(_: int, __: int) -> None:
        order.append("second began")

    first, second = Handler(Policy(timeout=FOREVER), slow_to_end), Handler(trouble=note)
    publish(events, an_event(0))
    async with replica(events, first) as one, replica(events, second, "two"):
        await until(lambda: first.attempts == [(0, 1)])
        one.loop.stop()
        await until(lambda: second.handled == [0], seconds=9)
    assert order == ["first ended", "second began"]


@on_virtual_clock
async def test_a_replica_whose_lease_ran_out_cancels_its_handlers_and_starts_none(mocker: MockerFixture) -> None:
    events, ended, loop = InMemoryEventStore(), list[float](), asyncio.get_running_loop()

    async def until_cancelled(_: int, __: int) -> None:
        try:
            await asyncio.sleep(FOREVER)
        except asyncio.CancelledError:
            ended.append(loop.time())
            raise

    handler = Handler(Policy(timeout=FOREVER), until_cancelled)
    publish(events, an_event(0, "a"))
    async with replica(events, handler) as one:
        await until(lambda: len(handler.attempts) == 1)
        one.tasks[1].cancel()
        Fault(mocker, one.log, AWAY, "lead")
        assert one.loop.lease
        runs_out = loop.time() + one.loop.lease.left
        await until(lambda: len(ended) == 1, seconds=10)
        assert ended[0] == pytest.approx(runs_out, abs=0.6)
        publish(events, an_event(1, "b"))
        await asyncio.sleep(600)
    assert handler.attempts == [(0, 1)]


@on_virtual_clock
async def test_a_replica_that_loses_its_lease_while_it_stops_cancels_its_handlers_then(mocker: MockerFixture) -> None:
    events, loop = InMemoryEventStore(), asyncio.get_running_loop()
    handler = Handler(Policy(timeout=FOREVER), endless)
    publish(events, an_event(0))
    limits = Limits(claim_seconds=10, grace_seconds=1000)
    async with replica(events, handler, limits=limits) as one:
        await until(lambda: len(handler.attempts) == 1)
        Fault(mocker, one.log, AWAY, "lead")
        await one.stop()
    assert loop.time() < 10


@on_virtual_clock
async def test_a_handler_starts_only_while_the_lease_is_valid() -> None:
    events, handler, valid = InMemoryEventStore(), Handler(), list[bool]()
    publish(events, *map(an_event, range(3)))
    async with replica(events, handler) as one:
        lease = one.loop.lease
        assert lease

        async def lose_it_once(number: int, _: int) -> None:
            valid.append(lease.valid)
            if number == 0 and len(valid) == 1:
                await lease.end(one.log)

        handler._trouble = lose_it_once
        await until(lambda: pending(events) == 0 and 2 in handler.handled)
    assert all(valid)


@on_virtual_clock
async def test_a_replica_that_lost_its_lease_to_another_says_so_and_stands_by(
    mocker: MockerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    events, first, second = InMemoryEventStore(), Handler(Policy(timeout=FOREVER), endless), Handler()
    publish(events, an_event(0))
    async with replica(events, first) as one, replica(events, second, "two"):
        await until(lambda: first.attempts == [(0, 1)])
        fault = Fault(mocker, one.log, AWAY, "lead")  # and it may read: only time tells it
        await until(lambda: second.handled == [0], seconds=10)
        fault.fix()
        await until(lambda: one.loop.fresh(1))
        assert first.attempts == [(0, 1)]
    assert "replica lost the lease" in caplog.messages


@on_virtual_clock
async def test_a_shared_event_stays_with_its_replica_as_long_as_that_lives_however_long_it_takes() -> None:
    events, policy = InMemoryEventStore(), Policy(shared=True, timeout=FOREVER)
    handlers = [Handler(policy, for_a_minute), Handler(policy, for_a_minute)]
    publish(events, *map(an_event, range(5)))
    async with replica(events, handlers[0]), replica(events, handlers[1], "two"):
        await until(lambda: sum(len(handler.handled) for handler in handlers) == 5)
    assert sorted(handlers[0].attempts + handlers[1].attempts) == [(number, 1) for number in range(5)]


@on_virtual_clock
async def test_the_shared_events_of_a_dead_replica_are_claimed() -> None:
    events, policy, loop = InMemoryEventStore(), Policy(shared=True, timeout=FOREVER), asyncio.get_running_loop()
    first, second = Handler(policy, endless), Handler(policy)
    publish(events, *map(an_event, range(5)))
    async with replica(events, first) as one:
        await until(lambda: len(first.attempts) == 5)
        async with replica(events, second, "two"):
            one.kill()
            killed = loop.time()
            await until(lambda: len(second.handled) == 5 and pending(events) == 0)
    assert 7 < loop.time() - killed < 13


@pytest.mark.parametrize("shared", [True, False])
@on_virtual_clock
async def test_a_heartbeat_that_fails_is_logged_and_goes_on(
    shared: bool, mocker: MockerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    events, policy = InMemoryEventStore(), Policy(shared=shared, timeout=FOREVER)
    first, second = Handler(policy, for_a_minute), Handler(policy)
    publish(events, an_event(0))
    async with replica(events, first) as one, replica(events, second, "two"):
        await until(lambda: first.attempts == [(0, 1)])
        fault = Fault(mocker, one.log, AWAY, "heartbeat" if shared else "lead")
        await until(lambda: fault.calls == 2)
        fault.fix()
        await until(lambda: first.handled == [0] and pending(events) == 0)
    assert (first.attempts, second.attempts) == ([(0, 1)], [])
    lines = [record for record in caplog.records if record.message == "heartbeat or renewal of the lease failed"]
    assert [(line.levelno, line.__dict__["error"]) for line in lines] == [(logging.WARNING, str(AWAY))]
