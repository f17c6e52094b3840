"""A session of one subscription: how it ends, and what it does while it may hold no more, in memory."""

import asyncio
import logging

import pytest
from pytest_mock import MockerFixture

from qontract.adapters.memory import InMemoryEventStore
from qontract.application.delivery.counts import DeliveryCount
from qontract.application.delivery.session import DeliverySession
from qontract.application.ports.event_handler import Policy
from qontract.application.ports.event_log import Entry, EventLogError, LeaseLostError
from tests.support.delivering import (
    FORMAT,
    NAME,
    Fault,
    Handler,
    Replica,
    an_event,
    on_virtual_clock,
    pending,
    publish,
    replica,
    until,
)


def session_of(one: Replica) -> DeliverySession:
    assert one.loop.session
    return one.loop.session


async def stand(_: int, __: int) -> None:
    await asyncio.sleep(50)


@on_virtual_clock
async def test_it_says_how_many_handlers_are_at_work() -> None:
    events, handler = InMemoryEventStore(), Handler(trouble=stand)
    publish(events, an_event(0, "a"), an_event(1, "b"), an_event(2, "b"))
    async with replica(events, handler) as one:
        await until(lambda: len(handler.attempts) == 2)
        assert session_of(one).running == 2
        await until(lambda: pending(events) == 0)
        assert session_of(one).running == 0


@on_virtual_clock
async def test_what_arrives_while_it_stops_is_left_to_the_next_one() -> None:
    events, handler, other = InMemoryEventStore(), Handler(), Handler()
    async with replica(events, handler) as one:
        await until(lambda: one.loop.fresh(1))
        one.loop.stop()
        publish(events, an_event(0))
        await one.tasks[0]
    async with replica(events, other, "two"):
        await until(lambda: other.handled == [0], seconds=5)
    assert handler.attempts == []


@on_virtual_clock
async def test_while_it_may_hold_no_more_it_is_no_less_at_work(mocker: MockerFixture) -> None:
    async def no_room(*_: object) -> bool:
        await asyncio.sleep(0.5)
        return False

    events = InMemoryEventStore()
    async with replica(events, Handler()) as one:
        await until(lambda: one.loop.fresh(1))
        mocker.patch.object(session_of(one)._capacity, "wait_for", side_effect=no_room)
        read = mocker.spy(one.log, "read")
        await asyncio.sleep(60)
        assert one.loop.fresh(1)
        session_of(one).read_at = 0  # it has lost its place
        await asyncio.sleep(60)
        assert not one.loop.fresh(1)
        assert read.call_count == 0


@on_virtual_clock
async def test_what_it_read_a_while_ago_does_not_make_it_fresh(mocker: MockerFixture) -> None:
    async with replica(InMemoryEventStore(), Handler()) as one:
        await until(lambda: one.loop.fresh(1))
        Fault(mocker, one.log, EventLogError("the log is away"), "read")
        await asyncio.sleep(10)
        assert (one.loop.fresh(5), one.loop.fresh(60)) == (False, True)


@on_virtual_clock
async def test_a_log_that_says_that_the_lease_is_lost_ends_the_session_and_the_next_one_goes_on(
    mocker: MockerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    events, handler = InMemoryEventStore(), Handler()
    async with replica(events, handler) as one:
        await until(lambda: one.loop.fresh(1))
        lost = Fault(mocker, one.log, LeaseLostError("another one leads"), "acknowledge")
        publish(events, an_event(0))
        await until(lambda: lost.calls == 1)
        lost.fix()
        await until(lambda: pending(events) == 0)
    assert (
        "qontract.application.delivery.delivery_loop",
        logging.WARNING,
        "replica lost the lease",
    ) in caplog.record_tuples
    assert handler.handled == [0, 0], "it was not acknowledged, and comes again"


@on_virtual_clock
async def test_an_answer_that_comes_when_the_session_has_ended_is_not_used() -> None:
    async def answer() -> list[Entry]:
        return []

    async with replica(InMemoryEventStore(), Handler()) as one:
        await until(lambda: one.loop.fresh(1))
        session = session_of(one)
        await one.stop()
        with pytest.raises(asyncio.CancelledError):
            await session._ask(answer)


@on_virtual_clock
async def test_the_place_of_a_shared_subscription_is_made_again_too() -> None:
    events, handler = InMemoryEventStore(), Handler(Policy(shared=True))
    async with replica(events, handler) as one:
        await until(lambda: one.loop.fresh(1))
        events.lose(NAME)
        await until(lambda: one.counts[DeliveryCount.REBUILT] == 1)
        publish(events, an_event(0))
        await until(lambda: handler.handled == [0] and pending(events) == 0)


@on_virtual_clock
async def test_a_place_that_was_lost_while_nothing_was_read_is_counted_too() -> None:
    events, handler = InMemoryEventStore(), Handler()
    async with replica(events, Handler()) as one, replica(events, handler, "two") as two:
        await until(lambda: one.loop.fresh(1) and two.loop.fresh(1) and not two.loop.session)
        two.loop._known = True  # it has led before
        events.lose(NAME)
        one.kill()
        publish(events, an_event(0))
        await until(lambda: handler.handled == [0] and pending(events) == 0)
        assert two.counts[DeliveryCount.REBUILT] == 1


@on_virtual_clock
async def test_told_to_stop_while_it_opens_the_log_it_begins_nothing(mocker: MockerFixture) -> None:
    events, handler = InMemoryEventStore(), Handler()
    publish(events, an_event(0))
    async with replica(events, handler) as one:
        open_now = one.log.open

        async def open_slowly() -> bool:
            one.loop.stop()
            return await open_now()

        mocker.patch.object(one.log, "open", side_effect=open_slowly)
        await one.tasks[0]
    assert (handler.attempts, one.loop.session) == ([], None)


@on_virtual_clock
async def test_an_attempt_that_is_thrown_away_with_its_event_loop_has_not_failed() -> None:
    events, handler, event = InMemoryEventStore(), Handler(trouble=stand), an_event(0)
    task = asyncio.current_task()
    assert task
    async with replica(events, handler) as one:
        await until(lambda: one.loop.fresh(1))
        entry = Entry(key=1, content=FORMAT.encode(event), event=event)
        attempt = session_of(one)._attempts.run(entry, task)
        attempt.send(None)
        attempt.close()
        assert (handler.attempts, list(entry.failures)) == ([(0, 1)], [])
