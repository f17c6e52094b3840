"""How long a handler may take, and which ones do not end."""

import asyncio
import linecache
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any

from qontract.application.ports.event_handler import Delivery

STUCK_SECONDS = 5.0
"""How long a handler may take to end after it was cancelled, until it is called stuck."""


class Deadline:
    """Lets each of several tasks take `seconds`, with one timer for all: most handlers end before theirs were armed.

    `stuck` is called with a delivery whose handler goes on though it was cancelled, and where it stands.
    """

    def __init__(self, seconds: float, stuck: Callable[[Delivery, str], object]) -> None:
        self._seconds = seconds
        self._stuck = stuck
        self._late: dict[asyncio.Task[object], float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.begun: dict[asyncio.Task[object], tuple[float, Delivery]] = {}
        self.stuck: dict[asyncio.Task[object], Delivery] = {}

    async def keep(self, task: asyncio.Task[Any], work: Coroutine[Any, Any, None], delivery: Delivery) -> None:
        """Await the work in `task`, the current one.

        Raises TimeoutError, as asyncio.timeout does, if it takes too long: it is cancelled.
        """
        loop = asyncio.get_running_loop()
        cancelling = task.cancelling()
        self.begun[task] = loop.time(), delivery
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._look, loop)
        try:
            await work
        except asyncio.CancelledError as error:
            if task in self._late and task.cancelling() <= cancelling + 1:
                raise TimeoutError(f"took longer than {self._seconds:g} s") from error
            raise
        finally:
            del self.begun[task]
            self.stuck.pop(task, None)
            if self._late.pop(task, None) is not None:
                task.uncancel()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel what is late, name what goes on all the same, and come again when the next one is due."""
        self._timer = None
        now, next_due = loop.time(), float("inf")
        for task, (begun, delivery) in self.begun.items():
            cancelled = self._late.get(task)
            if cancelled is None and begun + self._seconds <= now:
                self._late[task] = cancelled = now
                task.cancel()
            if cancelled is None:  # they are in the order in which they began: all the others are due later
                next_due = min(next_due, begun + self._seconds)
                break
            if cancelled + STUCK_SECONDS > now:
                next_due = min(next_due, cancelled + STUCK_SECONDS)
            elif task not in self.stuck:
                self.stuck[task] = delivery
                self._stuck(delivery, place(_innermost(task)))
        if next_due < float("inf"):
            self._timer = loop.call_at(next_due, self._look, loop)


def place(frame: FrameType | None) -> str:
    """Say where a frame stands: file, line, function and the line's text."""
    if frame is None:
        return "unknown"
    code, line = frame.f_code, frame.f_lineno
    return f"{code.co_filename}:{line} in {code.co_qualname}: {linecache.getline(code.co_filename, line).strip()}"


def _innermost(task: asyncio.Task[object]) -> FrameType | None:
    """Return the frame in which a suspended task waits: that of the last coroutine in its chain of awaits."""
    frame: FrameType | None = None
    awaited: Any = task.get_coro()
    while found := getattr(awaited, "cr_frame", None):
        frame, awaited = found, getattr(awaited, "cr_await", None)
    return frame
