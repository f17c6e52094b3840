"""One subscription at work: attempts under a policy, in memory."""

import asyncio
import logging
from itertools import pairwise

import pytest

from qontract.adapters.memory import InMemoryEventStore
from qontract.application.delivery.counts import DeliveryCount
from qontract.application.ports.event_handler import Policy, Reject, RetryLater
from tests.support.delivering import (
    Handler,
    an_event,
    failing,
    letters,
    on_virtual_clock,
    pending,
    publish,
    recorded,
    replica,
    until,
)

ERROR = RuntimeError("not this time")
THREE = Policy(max_attempts=3)


class Unspeakable(Exception):  # noqa: N818 - it is no error of ours
    def __str__(self) -> str:
        raise RuntimeError("there are no words")


@on_virtual_clock
async def test_after_the_last_attempt_an_event_is_a_dead_letter_with_each_error_and_later_ones_go_on() -> None:
    events, handler = InMemoryEventStore(), Handler(THREE, failing(ERROR, 0))
    publish(events, an_event(0), an_event(1))
    async with replica(events, handler) as one:
        await until(lambda: handler.handled == [1] and pending(events) == 0)
    [letter] = letters(events)
    assert b'"number":0' in letter.data
    assert [failure.error for failure in letter.failures] == ["RuntimeError: not this time"] * 3
    assert (
        one.counts[DeliveryCount.FAILED],
        one.counts[DeliveryCount.RETRIED],
        one.counts[DeliveryCount.DEAD_LETTERED],
    ) == (3, 2, 1)
    assert one.counts[DeliveryCount.HANDLED] == 1
    assert recorded(events) == 0


@pytest.mark.parametrize(
    "error",
    [asyncio.CancelledError(), SystemExit(3), KeyboardInterrupt(), Unspeakable()],
    ids=lambda e: type(e).__name__,
)
def test_an_attempt_counts_however_it_ends_and_events_of_other_keys_go_on_meanwhile(error: BaseException) -> None:
    @on_virtual_clock
    async def scenario() -> None:
        events, handler = InMemoryEventStore(), Handler(THREE, failing(error, 0))
        others = [an_event(number, f"other-{number}") for number in range(1, 101)]
        publish(events, an_event(0), *others)
        async with replica(events, handler):
            await until(lambda: len(handler.handled) == 100, seconds=0.5)
            await until(lambda: pending(events) == 0)
        assert len(handler.attempts) == 103
        [letter] = letters(events)
        assert [failure.error.partition(":")[0] for failure in letter.failures] == [type(error).__name__] * 3

    scenario()


@on_virtual_clock
async def test_a_handler_that_cancels_its_own_task_has_failed_and_ends_nothing_else() -> None:
    events = InMemoryEventStore()

    async def cancel_itself(number: int, _: int) -> None:
        task = asyncio.current_task()
        if task and number == 0:
            task.cancel()
        await asyncio.sleep(1)

    handler = Handler(Policy(max_attempts=3, concurrency=1), cancel_itself)
    publish(events, an_event(0, "a"), an_event(1, "b"), an_event(2, "a"))
    async with replica(events, handler) as one:
        await until(lambda: sorted(handler.handled) == [1, 2] and pending(events) == 0)
        assert one.counts[DeliveryCount.FAILED] == 3
    assert [attempt for number, attempt in handler.attempts if number == 0] == [1, 2, 3]
    assert {attempt for number, attempt in handler.attempts if number} == {1}


@on_virtual_clock
async def test_a_handler_that_rejects_an_event_sends_it_to_the_dead_letters_at_once() -> None:
    events, handler = InMemoryEventStore(), Handler(trouble=failing(Reject("no such team"), 0))
    publish(events, an_event(0))
    async with replica(events, handler):
        await until(lambda: len(letters(events)) == 1)
    assert handler.attempts == [(0, 1)]
    assert letters(events)[0].failures[0].error == "rejected by the handler: no such team"


@on_virtual_clock
async def test_a_handler_that_asks_to_be_retried_later_is_asked_then_and_it_is_no_attempt() -> None:
    events, handler, asked = InMemoryEventStore(), Handler(), False
    loop = asyncio.get_running_loop()
    times: list[float] = []

    async def once_later(_: int, __: int) -> None:
        nonlocal asked
        times.append(loop.time())
        if not asked:
            asked = True
            raise RetryLater(20)

    handler._trouble = once_later
    publish(events, an_event(0))
    async with replica(events, handler):
        await until(lambda: handler.handled == [0] and pending(events) == 0)
    assert handler.attempts == [(0, 1), (0, 1)]
    assert times[1] - times[0] == pytest.approx(20, abs=0.1)


@on_virtual_clock
async def test_a_handler_that_asks_to_be_retried_in_no_time_does_not_spin() -> None:
    events, handler = InMemoryEventStore(), Handler(trouble=failing(RetryLater(0), 0))
    publish(events, an_event(0))
    async with replica(events, handler):
        await asyncio.sleep(60)
    assert 60 < len(handler.attempts) <= 601


@on_virtual_clock
async def test_the_backoff_doubles_up_to_its_maximum_less_a_random_part_of_up_to_half() -> None:
    events, loop, times = InMemoryEventStore(), asyncio.get_running_loop(), list[float]()

    async def always(_: int, __: int) -> None:
        times.append(loop.time())
        raise ERROR

    publish(events, an_event(0))
    async with replica(events, Handler(Policy(max_attempts=6, backoff=1, max_backoff=5), always)):
        await until(lambda: len(letters(events)) == 1)
    waits = [after - before for before, after in pairwise(times)]
    for wait, longest in zip(waits, (1, 2, 4, 5, 5), strict=True):
        assert longest / 2 <= wait <= longest + 0.01


@on_virtual_clock
async def test_a_handler_that_takes_too_long_has_failed() -> None:
    events = InMemoryEventStore()

    async def endless(_: int, __: int) -> None:
        await asyncio.Event().wait()

    publish(events, an_event(0))
    async with replica(events, Handler(Policy(max_attempts=1, timeout=7), endless)):
        await until(lambda: len(letters(events)) == 1, seconds=7.1)
    assert letters(events)[0].failures[0].error == "TimeoutError: took longer than 7 s"


@on_virtual_clock
async def test_a_handler_that_swallows_its_cancellation_is_named_and_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events, may_end = InMemoryEventStore(), asyncio.Event()

    async def stubborn(number: int, _: int) -> None:
        while number == 0 and not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                continue

    handler = Handler(Policy(timeout=2), stubborn)
    publish(events, an_event(0, "a"), an_event(1, "b"))
    async with replica(events, handler) as one:
        await until(lambda: one.counts[DeliveryCount.STUCK] == 1, seconds=8)
        assert one.loop.session
        assert one.loop.session.deadline.stuck
        publish(events, an_event(2, "c"))
        await until(lambda: handler.handled == [1, 2])
        may_end.set()
        await until(lambda: pending(events) == 0)
        assert not one.loop.session.deadline.stuck
    [line] = [record for record in caplog.records if "handler is stuck" in record.message]
    assert line.levelno == logging.ERROR
    assert "await may_end.wait()" in line.__dict__["where"]
    assert line.__dict__["event_id"]


@on_virtual_clock
async def test_an_event_that_was_handled_is_not_handled_again_if_the_policy_deduplicates() -> None:
    events, handler, again = InMemoryEventStore(), Handler(Policy(dedupe_for=60)), an_event(1)
    publish(events, again, again)
    async with replica(events, handler) as one:
        await until(lambda: pending(events) == 0 and one.counts[DeliveryCount.DEDUPLICATED] == 1)
        await asyncio.sleep(61)
        publish(events, again)
        await until(lambda: handler.handled == [1, 1])


@on_virtual_clock
async def test_events_of_one_id_and_different_sources_are_different_events() -> None:
    events, handler, first = InMemoryEventStore(), Handler(Policy(dedupe_for=60)), an_event(1)
    publish(events, first, first.model_copy(update={"source": "elsewhere"}))
    async with replica(events, handler):
        await until(lambda: handler.handled == [1, 1])


@on_virtual_clock
async def test_a_restart_forgets_neither_the_attempts_nor_when_the_next_one_is_due() -> None:
    events, loop = InMemoryEventStore(), asyncio.get_running_loop()
    first = Handler(Policy(max_attempts=2, backoff=100, max_backoff=100), failing(ERROR, 0))
    publish(events, an_event(0))
    async with replica(events, first) as one:
        await until(lambda: recorded(events) == 1)
        failed_at = loop.time()
        await one.stop()
    second = Handler(first.policy, failing(ERROR, 0))
    async with replica(events, second, "two"):
        await until(lambda: len(letters(events)) == 1)
    assert first.attempts + second.attempts == [(0, 1), (0, 2)]
    assert loop.time() - failed_at >= 49


@on_virtual_clock
async def test_a_handler_that_fails_while_its_replica_stops_has_failed() -> None:
    events = InMemoryEventStore()

    async def fail_when_cancelled(_: int, __: int) -> None:
        try:
            await asyncio.sleep(50)
        except asyncio.CancelledError:
            raise ERROR from None

    first, second = Handler(THREE, fail_when_cancelled), Handler(THREE)
    publish(events, an_event(0))
    async with replica(events, first) as one:
        await until(lambda: bool(first.attempts))
        await one.stop()
    async with replica(events, second, "two"):
        await until(lambda: pending(events) == 0)
    assert (first.attempts, second.attempts) == ([(0, 1)], [(0, 2)])
