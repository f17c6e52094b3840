"""How long a handler may take."""

import asyncio
from time import perf_counter

import pytest

from qontract.adapters.redis.deadline import Deadline

pytestmark = pytest.mark.anyio


async def never_ending() -> None:
    await asyncio.Event().wait()


async def test_what_ends_in_time_is_let_be() -> None:
    deadline = Deadline(0.05)
    for _ in range(100):
        await deadline.keep(asyncio.sleep(0))
    await asyncio.sleep(0.1)


async def test_what_takes_too_long_is_cancelled_and_a_timeout() -> None:
    begin = perf_counter()
    with pytest.raises(TimeoutError):
        await Deadline(0.05).keep(never_ending())
    assert 0.04 < perf_counter() - begin < 5
    task = asyncio.current_task()
    assert task
    assert task.cancelling() == 0


async def test_each_of_several_tasks_has_its_own_time() -> None:
    deadline, ended = Deadline(0.1), []

    async def begin_after(seconds: float) -> None:
        await asyncio.sleep(seconds)
        begun = perf_counter()
        with pytest.raises(TimeoutError):
            await deadline.keep(never_ending())
        ended.append((seconds, perf_counter() - begun))

    await asyncio.gather(begin_after(0.08), begin_after(0), begin_after(0.04))
    assert [seconds for seconds, _ in ended] == [0, 0.04, 0.08]
    assert all(took >= 0.09 for _, took in ended)


async def test_a_timer_that_finds_nothing_late_waits_for_the_next() -> None:
    deadline = Deadline(0.05)
    await deadline.keep(asyncio.sleep(0.03))
    with pytest.raises(TimeoutError):
        await deadline.keep(never_ending())


async def test_a_cancellation_from_outside_is_none_of_its_business() -> None:
    task = asyncio.create_task(Deadline(60).keep(never_ending()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_error_of_the_work_comes_through() -> None:
    async def failing() -> None:
        raise KeyError("no such thing")

    with pytest.raises(KeyError):
        await Deadline(60).keep(failing())


async def test_work_that_does_not_let_itself_be_cancelled_leaves_no_cancellation_behind() -> None:
    async def stubborn() -> None:
        try:
            await never_ending()
        except asyncio.CancelledError:
            return

    await Deadline(0.02).keep(stubborn())
    task = asyncio.current_task()
    assert task
    assert task.cancelling() == 0
