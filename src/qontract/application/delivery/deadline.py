"""The time limit of handlers, and which handlers are stuck."""

import asyncio
import linecache
import sys
from collections.abc import Callable, Coroutine, Iterable
from traceback import walk_stack
from types import FrameType
from typing import Any

from qontract.application.ports.event_handler import Delivery

STUCK_SECONDS = 5.0
"""A handler is stuck if it has not ended so many seconds after it was cancelled."""

_FRAMES = 3


class Deadline:
    """Limits each of several tasks to `seconds`. There is one timer for all: most handlers end long before it rings.

    `stuck` is called with the delivery of a handler that ignores its cancellation, and with its stack summary.
    """

    def __init__(self, seconds: float, stuck: Callable[[Delivery, str], object]) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._stuck = stuck
        self._late: dict[asyncio.Task[object], float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.begun: dict[asyncio.Task[object], tuple[float, Delivery]] = {}
        self.stuck: dict[asyncio.Task[object], Delivery] = {}

    async def run(self, task: asyncio.Task[Any], work: Coroutine[Any, Any, None], delivery: Delivery) -> float:
        """Await the work in `task`, the current one; return how many seconds it took.

        If it takes too long, it is cancelled, and TimeoutError is raised, as by asyncio.timeout.
        """
        cancelling = task.cancelling()
        begun = self._loop.time()
        self.begun[task] = begun, delivery
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._check)
        try:
            await work
        except asyncio.CancelledError as error:
            if task in self._late and task.cancelling() <= cancelling + 1:
                raise TimeoutError(f"took longer than {self._seconds:g} s") from error
            raise
        finally:
            del self.begun[task]
            if task in self._late:
                del self._late[task]
                self.stuck.pop(task, None)
                task.uncancel()
        return self._loop.time() - begun

    def _check(self) -> None:
        """Cancel the tasks that are late, report the stuck ones, and set the timer for the next."""
        self._timer = None
        now, next_due = self._loop.time(), float("inf")
        for task, (begun, delivery) in self.begun.items():
            cancelled = self._late.get(task)
            if cancelled is None and begun + self._seconds <= now:
                self._late[task] = cancelled = now
                task.cancel()
            if cancelled is None:  # tasks are in the order in which they began: the others are due later
                next_due = min(next_due, begun + self._seconds)
                break
            if cancelled + STUCK_SECONDS > now:
                next_due = min(next_due, cancelled + STUCK_SECONDS)
            elif task not in self.stuck:
                self.stuck[task] = delivery
                self._stuck(delivery, stack_summary(_frames_of_task(task)))
        if next_due < float("inf"):
            self._timer = self._loop.call_at(next_due, self._check)


def stack_summary(frames: Iterable[FrameType]) -> str:
    """Return file, line, function and source text of the innermost frames; `frames` begin with the outermost."""
    return " > ".join(map(_line, [*frames][-_FRAMES:])) or "unknown"


def frames_of_thread(thread: int | None) -> list[FrameType]:
    """Return the frames of a thread, outermost first; none if it has ended."""
    frame = sys._current_frames().get(thread or 0)  # noqa: SLF001 - it is documented
    return [frame for frame, _ in walk_stack(frame)][::-1] if frame else []


def _frames_of_task(task: asyncio.Task[object]) -> list[FrameType]:
    """Return the frames of a suspended task: those of the coroutines that await each other."""
    frames: list[FrameType] = []
    awaited: Any = task.get_coro()
    while found := getattr(awaited, "cr_frame", None):
        frames.append(found)
        awaited = getattr(awaited, "cr_await", None)
    return frames


def _line(frame: FrameType) -> str:
    file, line = frame.f_code.co_filename, frame.f_lineno
    return f"{file}:{line} in {frame.f_code.co_qualname}: {linecache.getline(file, line).strip()}"
