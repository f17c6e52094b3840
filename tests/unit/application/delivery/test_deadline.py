"""How long a handler may take, and which ones do not end."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from qontract.application.delivery.deadline import STUCK_SECONDS, Deadline, frames_of_thread, stack_summary
from qontract.application.ports.event_handler import Delivery
from tests.support.delivering import an_event, on_virtual_clock


async def nowhere(_: Delivery, __: object) -> None: ...


def a_delivery() -> Delivery:
    return Delivery("subscription", an_event(1), 1, nowhere)


class Watch:
    """A deadline, and what it says is stuck."""

    def __init__(self, seconds: float) -> None:
        self.stuck: list[tuple[float, Delivery, str]] = []
        self.deadline = Deadline(seconds, self._note)

    def _note(self, delivery: Delivery, where: str) -> None:
        self.stuck.append((asyncio.get_running_loop().time(), delivery, where))

    def keep(self, work: Coroutine[Any, Any, None], delivery: Delivery | None = None) -> asyncio.Task[None]:
        async def kept() -> None:
            task = asyncio.current_task()
            assert task
            await self.deadline.run(task, work, delivery or a_delivery())

        return asyncio.create_task(kept())


async def stubborn(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        try:
            await asyncio.sleep(until - loop.time())
        except asyncio.CancelledError:
            continue


@on_virtual_clock
async def test_each_of_several_may_take_so_long_from_its_own_begin() -> None:
    loop, watch, ends = asyncio.get_running_loop(), Watch(10), list[float]()

    async def one(begins: float) -> None:
        await asyncio.sleep(begins)
        with pytest.raises(TimeoutError, match="took longer than 10 s"):
            await watch.keep(asyncio.sleep(1000))
        ends.append(loop.time() - begins)

    await asyncio.gather(*map(one, (0, 3, 3, 9, 40)))
    assert ends == pytest.approx([10] * 5)


@on_virtual_clock
async def test_what_ends_in_time_is_left_alone_and_so_is_what_its_task_does_next() -> None:
    watch = Watch(10)

    async def twice() -> None:
        task = asyncio.current_task()
        assert task
        for _ in range(2):
            await watch.deadline.run(task, asyncio.sleep(9), a_delivery())
        await asyncio.sleep(100)

    await asyncio.create_task(twice())
    assert (watch.deadline.begun, watch.deadline.stuck) == ({}, {})


@on_virtual_clock
async def test_a_task_that_was_too_late_can_go_on_as_if_nobody_had_cancelled_it() -> None:
    watch = Watch(1)

    async def late() -> int:
        task = asyncio.current_task()
        assert task
        with pytest.raises(TimeoutError):
            await watch.deadline.run(task, asyncio.sleep(5), a_delivery())
        await asyncio.sleep(1)
        return task.cancelling()

    assert await asyncio.create_task(late()) == 0


@on_virtual_clock
async def test_a_cancellation_that_somebody_else_asked_for_is_no_time_out() -> None:
    watch = Watch(10)
    task = watch.keep(asyncio.sleep(1000))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


@on_virtual_clock
async def test_what_is_cancelled_from_outside_after_its_time_out_ends_as_cancelled() -> None:
    watch = Watch(10)

    async def slow_to_end() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(3)

    task = watch.keep(slow_to_end())
    await asyncio.sleep(11)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@on_virtual_clock
async def test_a_time_out_of_the_works_own_is_an_error_as_any_other() -> None:
    async def own() -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        await Watch(10).keep(own())


@on_virtual_clock
async def test_work_that_swallows_its_cancellation_is_called_stuck_once_with_where_it_stands_until_it_ends() -> None:
    watch, delivery, other = Watch(10), a_delivery(), a_delivery()
    task = watch.keep(stubborn(100), delivery)
    await asyncio.sleep(5)
    late = watch.keep(asyncio.sleep(1000), other)
    await asyncio.sleep(30)
    [(when, stuck, where)] = watch.stuck
    assert (when, stuck) == (10 + STUCK_SECONDS, delivery)
    assert "await asyncio.sleep(until - loop.time())" in where
    assert "in stubborn:" in where
    assert [*watch.deadline.stuck.values()] == [delivery]
    assert late.done()
    await task
    assert watch.deadline.stuck == {}
    with pytest.raises(TimeoutError):
        await late


@on_virtual_clock
async def test_work_that_ends_soon_after_its_cancellation_is_not_called_stuck() -> None:
    watch = Watch(10)

    async def cleaning_up() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(STUCK_SECONDS - 1)

    with pytest.raises(TimeoutError):
        await watch.keep(cleaning_up())
    await asyncio.sleep(30)
    assert watch.stuck == []


def test_where_a_thread_stands_is_said_innermost_last() -> None:
    where = stack_summary(frames_of_thread(threading.get_ident()))
    assert where.count(" > ") == 2
    assert " in test_where_a_thread_stands_is_said_innermost_last: " in where


def test_a_thread_that_has_ended_stands_nowhere() -> None:
    assert stack_summary(frames_of_thread(None)) == "unknown"
