"""How long a handler may take."""

import asyncio
from collections.abc import Awaitable


class Deadline:
    """Lets each of several tasks take `seconds`, with one timer for all: most handlers end before theirs were armed."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._begun: dict[asyncio.Task[object], float] = {}
        self._late: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def keep(self, work: Awaitable[None]) -> None:
        """Await the work. Raises TimeoutError, as asyncio.timeout does, if it takes too long: it is cancelled."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task  # noqa: S101 - this is a coroutine: a task runs it
        cancelling = task.cancelling()
        self._begun[task] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._look, loop)
        try:
            await work
        except asyncio.CancelledError as error:
            if task in self._late and task.cancelling() <= cancelling + 1:
                raise TimeoutError from error
            raise
        finally:
            del self._begun[task]
            if task in self._late:
                self._late.discard(task)
                task.uncancel()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel what is late, and come again when the next one is: they are in the order in which they began."""
        self._timer = None
        for task, begun in self._begun.items():
            if task in self._late:
                continue
            if begun + self._seconds > loop.time():
                self._timer = loop.call_at(begun + self._seconds, self._look, loop)
                return
            self._late.add(task)
            task.cancel()
