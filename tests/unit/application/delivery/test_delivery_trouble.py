"""One subscription at work while the event log fails, in memory."""

import asyncio
import logging

import pytest
from pytest_mock import MockerFixture

from qontract.adapters.memory import InMemoryEventStore
from qontract.application.delivery.counts import DeliveryCount
from qontract.application.delivery.session import Limits
from qontract.application.ports.event_handler import Policy, Reject
from qontract.application.ports.event_log import EventLogError, PlaceLostError
from tests.support.delivering import (
    NAME,
    Fault,
    Handler,
    an_event,
    failing,
    letters,
    on_virtual_clock,
    pending,
    publish,
    replica,
    until,
)

AWAY = EventLogError("the log is away")
EVERYTHING = (
    *("open", "lead", "abdicate", "claim_all", "read", "content_of", "acknowledge", "record"),
    *("dead_letter", "heartbeat", "release", "remember", "known", "measures", "close"),
)


@pytest.mark.parametrize("asked", ["read", "acknowledge", "record", "dead_letter", "remember", "known"])
@on_virtual_clock
async def test_a_question_that_the_log_does_not_answer_is_asked_again_with_pauses(
    asked: str, mocker: MockerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    events, handler = (
        InMemoryEventStore(),
        Handler(Policy(dedupe_for=1), failing(RuntimeError("not this time"), 0, times=1)),
    )
    rejecting = Handler(trouble=failing(Reject("never"), 0))
    async with replica(events, rejecting if asked == "dead_letter" else handler) as one:
        await until(lambda: one.loop.fresh(1))
        question = Fault(mocker, one.log, AWAY, asked)
        publish(events, an_event(0))
        await asyncio.sleep(60)
        assert 50 < question.calls < 80
        assert pending(events) == (0 if asked == "read" else 1)
        question.fix()
        await until(lambda: (handler.handled == [0] or bool(letters(events))) and pending(events) == 0, seconds=5)
    lines = [record for record in caplog.records if record.message.startswith("event log request failed")]
    assert [(line.levelno, line.__dict__["error"]) for line in lines] == [(logging.WARNING, str(AWAY))]


@pytest.mark.parametrize(
    "error", [RuntimeError("a bug"), AWAY, asyncio.CancelledError()], ids=lambda e: type(e).__name__
)
@pytest.mark.parametrize("asked", ["open", "lead", "claim_all", "read", "acknowledge", "record"])
@on_virtual_clock
async def test_whatever_the_log_raises_the_loop_neither_spins_nor_is_silent_and_goes_on_afterwards(
    asked: str, error: BaseException, mocker: MockerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    events, handler = InMemoryEventStore(), Handler(trouble=failing(RuntimeError("not this time"), 0, times=1))
    publish(events, an_event(0))
    async with replica(events, handler) as one:
        question = Fault(mocker, one.log, error, asked)
        await asyncio.sleep(60)
        assert 5 < question.calls < 100
        told = {record.message for record in caplog.records if record.levelno >= logging.WARNING} - {"attempt failed"}
        assert told
        question.fix()
        await until(lambda: 0 in handler.handled and pending(events) == 0, seconds=20)


@on_virtual_clock
async def test_a_place_that_was_lost_is_made_again_and_counted_and_logged(
    mocker: MockerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    events, handler = InMemoryEventStore(), Handler()
    async with replica(events, handler) as one:
        publish(events, an_event(0))
        await until(lambda: handler.handled == [0] and pending(events) == 0)
        claim_all = mocker.spy(one.log, "claim_all")
        for _ in range(3):
            events.lose(NAME)
            await asyncio.sleep(3)
        assert (one.counts[DeliveryCount.REBUILT], claim_all.call_count) == (3, 3)
        await until(lambda: one.loop.fresh(5), seconds=5)
        publish(events, an_event(1))
        await until(lambda: 1 in handler.handled and pending(events) == 0)
    lines = [record for record in caplog.records if record.message.startswith("subscription rebuilt")]
    assert [line.levelno for line in lines] == [logging.ERROR] * 3


@on_virtual_clock
async def test_a_place_that_was_lost_while_handlers_are_at_work_costs_none_of_their_events() -> None:
    events, handler = InMemoryEventStore(), Handler()

    async def slow(_: int, __: int) -> None:
        await asyncio.sleep(5)

    handler._trouble = slow
    publish(events, *(an_event(number, f"key-{number % 3}") for number in range(9)))
    async with replica(events, handler):
        await until(lambda: len(handler.attempts) == 3)
        events.lose(NAME)
        await until(lambda: len(handler.handled) == 9 and pending(events) == 0, seconds=30)
    assert sorted(handler.handled) == list(range(9))


@on_virtual_clock
async def test_a_place_that_cannot_be_made_again_is_not_silent(
    mocker: MockerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    events, handler = InMemoryEventStore(), Handler()
    async with replica(events, handler) as one:
        await until(lambda: one.loop.fresh(1))
        opening = Fault(mocker, one.log, AWAY, "open")
        events.lose(NAME)
        await asyncio.sleep(2)
        assert not one.loop.fresh(3600)
        await asyncio.sleep(60)
        assert 30 < opening.calls < 100
        assert [record.message for record in caplog.records if record.levelno >= logging.WARNING]
        assert not one.loop.fresh(5)
        opening.fix()
        publish(events, an_event(1))
        await until(lambda: handler.handled == [1], seconds=5)


@on_virtual_clock
async def test_a_question_that_says_gone_for_ever_does_not_spin(mocker: MockerFixture) -> None:
    async with replica(InMemoryEventStore(), Handler()) as one:
        reading = Fault(mocker, one.log, PlaceLostError("still not there"), "read")
        await asyncio.sleep(60)
        assert 30 < reading.calls < 100
        assert not one.loop.fresh(60)


@on_virtual_clock
async def test_it_is_not_fresh_before_its_first_completed_read(mocker: MockerFixture) -> None:
    events, answer = InMemoryEventStore(), asyncio.Event()
    async with replica(events, Handler()) as one:
        read = one.log.read

        async def late(count: int, max_bytes: int, wait: float) -> object:
            await answer.wait()
            return await read(count, max_bytes, wait)

        mocker.patch.object(one.log, "read", side_effect=late)
        await asyncio.sleep(60)
        assert not one.loop.fresh(3600)
        answer.set()
        await until(lambda: one.loop.fresh(5), seconds=5)


@on_virtual_clock
async def test_it_is_fresh_again_within_5_seconds_after_an_outage(mocker: MockerFixture) -> None:
    async with replica(InMemoryEventStore(), Handler()) as one:
        await until(lambda: one.loop.fresh(5), seconds=5)
        outage = Fault(mocker, one.log, AWAY, *EVERYTHING)
        await asyncio.sleep(600)
        assert not one.loop.fresh(30)
        outage.fix()
        await until(lambda: one.loop.fresh(5), seconds=5)


@on_virtual_clock
async def test_it_is_fresh_while_it_works_on_all_that_it_may_hold() -> None:
    events = InMemoryEventStore()

    async def slow(_: int, __: int) -> None:
        await asyncio.sleep(3000)

    handler = Handler(Policy(concurrency=200, timeout=3600), slow)
    async with replica(events, handler, limits=Limits(in_flight=100, claim_seconds=10)) as one:
        await until(lambda: one.loop.fresh(5))
        publish(events, *(an_event(number, f"key-{number}") for number in range(110)))
        await until(lambda: len(handler.attempts) == 100)
        await asyncio.sleep(600)
        assert one.loop.fresh(5)
        assert len(handler.attempts) == 100


@on_virtual_clock
async def test_stopping_during_an_outage_ends_within_the_grace_and_a_moment(mocker: MockerFixture) -> None:
    events, loop = InMemoryEventStore(), asyncio.get_running_loop()
    handler = Handler(trouble=failing(RuntimeError("not this time"), 0))
    publish(events, *(an_event(number, f"key-{number}") for number in range(5)))
    async with replica(events, handler) as one:
        await until(lambda: len(handler.handled) == 4)
        Fault(mocker, one.log, AWAY, *EVERYTHING)
        publish(events, an_event(5))
        await asyncio.sleep(3)
        begun = loop.time()
        await one.stop()
        assert loop.time() - begun < 5 + 1.1
