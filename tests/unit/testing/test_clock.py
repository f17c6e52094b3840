"""The clock that jumps."""

import asyncio
import os
import socket
from time import monotonic, sleep

import anyio
import anyio.to_thread
import pytest

from qontract.testing.clock import VirtualClockLoop, run

HOUR = 3600.0
A_MOMENT = 0.05


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_thousand_hours_take_milliseconds() -> None:
    async def wait() -> float:
        for _ in range(1000):
            await asyncio.sleep(HOUR)
        return now()

    begun = monotonic()
    assert run(wait()) == 1000 * HOUR
    assert monotonic() - begun < 1


def test_the_clock_begins_at_nought_and_stands_still_while_code_runs() -> None:
    async def work() -> tuple[float, float]:
        before = now()
        sleep(0.01)  # noqa: ASYNC251 - code that takes its time
        await asyncio.sleep(0)
        return before, now()

    assert run(work()) == (0, 0)


def test_timers_come_in_their_order_each_at_its_time() -> None:
    async def all_of_them() -> list[tuple[float, float]]:
        came: list[tuple[float, float]] = []

        async def one(seconds: float) -> None:
            await asyncio.sleep(seconds)
            came.append((seconds, now()))

        await asyncio.gather(*(one(seconds) for seconds in (3 * HOUR, 0.25, HOUR, 100 * 24 * HOUR)))
        return came

    assert run(all_of_them()) == [(seconds, seconds) for seconds in (0.25, HOUR, 3 * HOUR, 100 * 24 * HOUR)]


def test_a_timeout_of_hours_comes_at_once() -> None:
    async def never() -> None:
        async with asyncio.timeout(5 * HOUR):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        run(never())


def test_anyio_waits_by_the_same_clock() -> None:
    async def wait() -> float:
        with anyio.move_on_after(HOUR):
            await anyio.sleep(2 * HOUR)
        return now()

    assert run(wait()) == HOUR


def test_where_nothing_can_ever_happen_again_it_says_so() -> None:
    async def forever() -> None:
        await asyncio.sleep(HOUR)
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="deadlock: every task waits for another one"):
        run(forever())


def test_tasks_are_cancelled_and_cleaned_up_after_a_deadlock() -> None:
    left = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(HOUR)
            left.append(now())

    with pytest.raises(RuntimeError, match="deadlock"):
        run(forever())
    assert left == [HOUR]


@pytest.mark.parametrize("to_thread", [asyncio.to_thread, anyio.to_thread.run_sync])
def test_a_thread_is_waited_for_in_real_time(to_thread: object) -> None:
    async def work() -> tuple[str, float]:
        async with asyncio.timeout(10):
            assert callable(to_thread)
            await to_thread(sleep, A_MOMENT)
        return "worked", now()

    answer, took = run(work())
    assert answer == "worked"
    assert A_MOMENT * 0.9 <= took < 5


@pytest.mark.parametrize("to_thread", [asyncio.to_thread, anyio.to_thread.run_sync])
def test_a_thread_that_has_done_its_work_keeps_nobody_waiting(to_thread: object) -> None:
    async def work() -> float:
        assert callable(to_thread)
        for _ in range(20):
            await to_thread(sleep, 0)
            await asyncio.sleep(HOUR)
        return now()

    begun = monotonic()
    assert 20 * HOUR <= run(work()) < 20 * HOUR + 5
    assert monotonic() - begun < 5


def test_a_thread_that_nobody_waits_for_any_more_keeps_nobody_waiting() -> None:
    async def work() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.to_thread(sleep, 0.2)
        await asyncio.sleep(HOUR)

    begun = monotonic()
    run(work())
    assert monotonic() - begun < 5


def test_the_clock_jumps_again_when_all_threads_have_ended() -> None:
    async def work() -> None:
        await asyncio.to_thread(sleep, 0)
        await asyncio.get_running_loop().shutdown_default_executor()
        await asyncio.sleep(HOUR)

    begun = monotonic()
    run(work())
    assert monotonic() - begun < 5


def test_a_socket_is_waited_for_in_real_time() -> None:
    async def talk() -> tuple[bytes, float]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write((await reader.readline()).upper())
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            async with asyncio.timeout(10):
                writer.write(b"hello\n")
                said = await reader.read()
            writer.close()
            await writer.wait_closed()
        return said, now()

    said, took = run(talk())
    assert said == b"HELLO\n"
    assert took < 5


def test_an_idle_connection_makes_timers_as_slow_as_they_are_and_closing_it_ends_that() -> None:
    async def wait() -> tuple[float, float]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            loop = asyncio.get_running_loop()
            loop.add_reader(ours, lambda: None)
            begun = monotonic()
            await asyncio.sleep(A_MOMENT)
            took = monotonic() - begun
            loop.remove_reader(ours)
        await asyncio.sleep(HOUR)
        return took, now()

    took, end = run(wait())
    assert took >= A_MOMENT * 0.9
    assert HOUR <= end < HOUR + 5


@pytest.mark.parametrize("seconds", ["0", "0.05"])
def test_a_subprocess_is_waited_for_in_real_time(seconds: str) -> None:
    async def ask() -> tuple[bytes, int | None]:
        async with asyncio.timeout(10):
            process = await asyncio.create_subprocess_shell(
                f"echo hello; exec 1>&-; sleep {seconds}; exit 3", stdout=asyncio.subprocess.PIPE
            )
            said, _ = await process.communicate()
            silent = await asyncio.create_subprocess_exec("sleep", seconds)
            await silent.wait()
        return said, process.returncode

    assert run(ask()) == (b"hello\n", 3)


def test_the_loop_leaves_no_file_open() -> None:
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208
    loop = VirtualClockLoop()
    loop.run_until_complete(asyncio.sleep(HOUR))
    loop.close()
    assert len(os.listdir("/dev/fd")) == before  # noqa: PTH208
