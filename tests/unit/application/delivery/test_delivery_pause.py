"""A subscription that is paused is not read, and goes on where it was, in memory."""

import asyncio
import logging

import pytest
from pytest_mock import MockerFixture

from qontract.adapters.memory import InMemoryEventStore, InMemorySubscriptions
from qontract.application.ports.event_handler import Policy
from qontract.application.ports.event_log import EventLogError
from tests.support.delivering import (
    NAME,
    Fault,
    Handler,
    an_event,
    on_virtual_clock,
    pending,
    publish,
    recorded,
    replica,
    until,
)

POLICIES = pytest.mark.parametrize("policy", [Policy(), Policy(shared=True)], ids=["ordered", "shared"])


@POLICIES
@on_virtual_clock
async def test_a_paused_subscription_is_not_read_and_goes_on_where_it_was(policy: Policy) -> None:
    events, handler = InMemoryEventStore(), Handler(policy)
    control = InMemorySubscriptions(events)
    publish(events, *map(an_event, range(3)))
    async with replica(events, handler) as one:
        await until(lambda: handler.handled == [0, 1, 2])
        control.pause(NAME, "me")
        await until(lambda: one.loop.paused and one.loop.session is None, seconds=5)
        publish(events, *map(an_event, range(3, 6)))
        await asyncio.sleep(600)
        assert handler.handled == [0, 1, 2]
        assert one.loop.fresh(5)  # it is not stalled
        control.resume(NAME)
        await until(lambda: handler.handled == [0, 1, 2, 3, 4, 5], seconds=5)
        assert not one.loop.paused


@POLICIES
@on_virtual_clock
async def test_what_is_paused_before_it_is_run_waits(policy: Policy) -> None:
    events, handler = InMemoryEventStore(), Handler(policy)
    control = InMemorySubscriptions(events)
    control.pause(NAME, "me")
    publish(events, an_event(1))
    async with replica(events, handler) as one:
        await asyncio.sleep(600)
        assert (handler.attempts, one.loop.fresh(5)) == ([], True)
        control.resume(NAME)
        await until(lambda: handler.handled == [1], seconds=5)


@on_virtual_clock
async def test_handlers_at_work_finish_and_what_was_not_begun_is_not_begun() -> None:
    events = InMemoryEventStore()
    control = InMemorySubscriptions(events)

    async def slow(_: int, __: int) -> None:
        await asyncio.sleep(3)

    handler = Handler(Policy(concurrency=2), slow)
    publish(events, *(an_event(number, subject=str(number)) for number in range(6)))
    async with replica(events, handler) as one:
        await until(lambda: len(handler.attempts) == 2)
        control.pause(NAME, "me")
        await until(lambda: one.loop.paused and one.loop.session is None, seconds=10)
        assert handler.handled == [0, 1]
        await asyncio.sleep(600)
        assert (len(handler.attempts), pending(events)) == (2, 4)
        view = control.get(NAME)
        assert view
        assert view.leader == ""
        control.resume(NAME)
        await until(lambda: sorted(handler.handled) == list(range(6)), seconds=60)
    assert handler.attempts == [(number, 1) for number in range(6)]  # what waited has lost no attempt


@on_virtual_clock
async def test_what_waits_for_another_attempt_waits_on_and_keeps_its_attempts() -> None:
    events = InMemoryEventStore()
    control = InMemorySubscriptions(events)

    async def once(_: int, attempt: int) -> None:
        if attempt == 1:
            raise RuntimeError("not this time")

    handler = Handler(Policy(backoff=100, max_backoff=100), once)
    publish(events, an_event(1))
    async with replica(events, handler) as one:
        await until(lambda: recorded(events) == 1)
        control.pause(NAME, "me")
        await until(lambda: one.loop.paused and one.loop.session is None, seconds=10)
        await asyncio.sleep(1000)
        assert handler.attempts == [(1, 1)]
        control.resume(NAME)
        await until(lambda: handler.attempts == [(1, 1), (1, 2)], seconds=10)


@on_virtual_clock
async def test_no_replica_takes_the_lead_of_a_paused_subscription() -> None:
    events, first, second = InMemoryEventStore(), Handler(), Handler()
    control = InMemorySubscriptions(events)
    async with replica(events, first) as one, replica(events, second, "two") as two:
        await until(lambda: one.loop.session is not None)
        control.pause(NAME, "me")
        publish(events, an_event(1))
        await until(lambda: one.loop.paused and two.loop.paused, seconds=10)
        await asyncio.sleep(600)
        assert (one.loop.session, two.loop.session) == (None, None)
        control.resume(NAME)
        await until(lambda: first.handled + second.handled == [1], seconds=10)


@POLICIES
@on_virtual_clock
async def test_a_seek_during_a_pause_takes_effect_at_the_resume(policy: Policy) -> None:
    events, handler = InMemoryEventStore(), Handler(policy)
    control = InMemorySubscriptions(events)
    publish(events, *map(an_event, range(3)))
    async with replica(events, handler) as one:
        await until(lambda: handler.handled == [0, 1, 2])
        control.pause(NAME, "me")
        await until(lambda: one.loop.paused and one.loop.session is None, seconds=10)
        assert control.seek(NAME, "start")
        control.resume(NAME)
        await until(lambda: handler.handled == [0, 1, 2, 0, 1, 2], seconds=10)


@on_virtual_clock
async def test_a_log_that_cannot_say_whether_it_is_paused_stops_nobody_who_works(mocker: MockerFixture) -> None:
    events, handler = InMemoryEventStore(), Handler()
    async with replica(events, handler) as one:
        await until(lambda: one.loop.session is not None)
        fault = Fault(mocker, one.log, EventLogError("away"), "paused")
        await until(lambda: fault.calls > 3)
        publish(events, an_event(1))
        await until(lambda: handler.handled == [1], seconds=5)


@on_virtual_clock
async def test_a_stop_during_a_pause_ends_at_once() -> None:
    events = InMemoryEventStore()
    InMemorySubscriptions(events).pause(NAME, "me")
    async with replica(events, Handler()) as one:
        await until(lambda: one.loop.paused)
        before = asyncio.get_running_loop().time()
        await one.stop()
        assert asyncio.get_running_loop().time() - before < 2


def test_a_pause_and_its_end_are_logged_once_each(caplog: pytest.LogCaptureFixture) -> None:
    @on_virtual_clock
    async def run() -> None:
        events = InMemoryEventStore()
        control = InMemorySubscriptions(events)
        async with replica(events, Handler()) as one:
            for _ in range(2):
                control.pause(NAME, "me")
                await until(lambda: one.loop.paused)
                await asyncio.sleep(60)
                control.resume(NAME)
                await until(lambda: not one.loop.paused)

    with caplog.at_level(logging.INFO):
        run()
    told = [record.message for record in caplog.records if record.name == "qontract.application.delivery.delivery_loop"]
    assert (
        told
        == [
            "subscription is paused; it is read no more",
            "subscription is resumed; it is read again",
        ]
        * 2
    )
