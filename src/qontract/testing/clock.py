"""An event loop with a virtual clock: hours of waiting take milliseconds."""

import asyncio
import selectors
import threading
from collections.abc import Callable, Coroutine, Mapping
from queue import Queue
from time import monotonic
from typing import Any, TypeVar
from weakref import WeakSet

T = TypeVar("T")

_LOOK_AGAIN_SECONDS = 0.01
"""How often to check whether a thread or a subprocess still runs."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a VirtualClockLoop, and return its result."""
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        return runner.run(main)


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """An event loop with a clock of its own. `time()` is 0 at first, and stands still while code runs.

    When nothing is ready, and only timers are left, the clock jumps to the next one.

    While something outside may still wake the loop, the clock runs with real time. This is so while a file descriptor
    other than the loop's own is registered (a socket, a pipe), while a subprocess runs, or while a thread works for
    `asyncio.to_thread`, `run_in_executor` or anyio's `to_thread`. So with an idle open connection, timers are as slow
    as in reality: close it, or keep it out of the test. Other threads, and signals, are not noticed.

    When nothing is ready, no timer is left, and nothing outside can wake the loop, it raises RuntimeError: it would
    wait for ever.
    """

    def __init__(self) -> None:
        self._in_executor = 0
        self._children: WeakSet[asyncio.SubprocessTransport] = WeakSet()
        self._jumping = _JumpingSelector(self._others_at_work)
        super().__init__(self._jumping)
        self._jumping.own = len(self._jumping.get_map())

    def time(self) -> float:
        """Return the seconds since the loop was made, by its own clock."""
        return self._jumping.now

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> "asyncio.Future[T]":  # type: ignore[override]
        """Run the function in a thread, and wait for it in real time."""
        future = super().run_in_executor(executor, func, *args)
        self._in_executor += 1
        future.add_done_callback(self._left_executor)
        return future

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        """Wait, in real time, for the threads to end."""
        self._in_executor += 1
        try:
            await super().shutdown_default_executor(*args, **kwargs)
        finally:
            self._in_executor -= 1

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> tuple[asyncio.SubprocessTransport, Any]:
        """Run a program, and wait for it in real time."""
        child = await super().subprocess_exec(*args, **kwargs)
        self._children.add(child[0])
        return child

    async def subprocess_shell(self, *args: Any, **kwargs: Any) -> tuple[asyncio.SubprocessTransport, Any]:
        """Run a command, and wait for it in real time."""
        child = await super().subprocess_shell(*args, **kwargs)
        self._children.add(child[0])
        return child

    def _left_executor(self, _: "asyncio.Future[Any]") -> None:
        self._in_executor -= 1

    def _others_at_work(self) -> bool:
        return (
            self._in_executor > 0
            or any(child.get_returncode() is None for child in self._children)
            or any(_works_for(thread, self) for thread in threading.enumerate())
        )


class _JumpingSelector(selectors.BaseSelector):
    """Selects as the default selector does. If nothing can happen before the next timer, it advances `now` instead.

    `own`: how many file descriptors belong to the loop.
    """

    def __init__(self, others_at_work: Callable[[], bool]) -> None:
        self.now = 0.0
        self.own = 0
        self._others_at_work = others_at_work
        self._selector = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return self._selector.select(0)
        at_work = self._others_at_work()  # checked before their results
        if ready := self._selector.select(0):
            return ready
        if at_work:
            return self._wait(_LOOK_AGAIN_SECONDS if timeout is None else min(timeout, _LOOK_AGAIN_SECONDS))
        if len(self.get_map()) > self.own:
            return self._wait(timeout)
        if timeout is None:
            raise RuntimeError(
                "deadlock: every task waits for another one; there is no timer left, and nothing outside to wait for"
            )
        self.now += timeout
        return []

    def _wait(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        begun = monotonic()
        ready = self._selector.select(timeout)
        self.now += monotonic() - begun
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._selector.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._selector.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._selector.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._selector.get_map()

    def close(self) -> None:
        self._selector.close()


def _works_for(thread: threading.Thread, loop: asyncio.AbstractEventLoop) -> bool:
    """Return whether it is a thread of anyio that has not finished its work: anyio gives it work in a queue."""
    queue = getattr(thread, "queue", None)
    return getattr(thread, "loop", None) is loop and isinstance(queue, Queue) and queue.unfinished_tasks > 0
