"""Work in order, lane by lane, several lanes at once."""

from collections import deque
from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import TaskGroup

from qontract.adapters.redis.consumer_group import Entry


class Lanes:
    """Runs entries: those of one lane one after the other, up to `concurrency` lanes at once.

    `run` returns None if the entry is done with, or after how many seconds to run it again; until then its lane waits,
    and no other does. What waits behind it keeps its place but not its content, and takes no room.
    """

    def __init__(self, run: Callable[[Entry], Awaitable[float | None]], *, concurrency: int, room: int) -> None:
        self._run = run
        self._slots = anyio.Semaphore(concurrency, fast_acquire=True)
        self._lanes: dict[str, deque[Entry]] = {}
        self._waiting: set[str] = set()
        self.free = room
        self._changed = anyio.Event()
        self.closed = False
        self.running = 0

    async def room(self) -> None:
        """Wait until there is room for more entries: for `free`."""
        while self.free <= 0:
            await self._changed.wait()

    async def ended(self) -> None:
        """Wait until nothing is running; nothing more begins once `closed` is set."""
        while self.running:
            await self._changed.wait()

    def add(self, lane: str, entry: Entry, tasks: TaskGroup) -> None:
        """Put the entry at the end of its lane, which one of the tasks follows."""
        if lane not in self._waiting:
            entry.takes_room = True
            self.free -= 1
        else:
            entry.content = entry.event = None
        if lane in self._lanes:
            self._lanes[lane].append(entry)
        else:
            self._lanes[lane] = deque([entry])
            tasks.start_soon(self._follow, lane)

    async def _follow(self, lane: str) -> None:
        entries = self._lanes[lane]
        while entries:
            async with self._slots:
                if self.closed:
                    return
                self.running += 1
                try:
                    pause = await self._run(entries[0])
                finally:
                    self.running -= 1
                    self._tell()
            if pause is None:
                self._make_room(entries.popleft())
            else:
                await self._wait(lane, entries, pause)
        del self._lanes[lane]

    async def _wait(self, lane: str, entries: deque[Entry], seconds: float) -> None:
        for entry in entries:
            entry.content = entry.event = None
            self._make_room(entry)
        self._waiting.add(lane)
        try:
            await anyio.sleep(seconds)
        finally:
            self._waiting.discard(lane)

    def _make_room(self, entry: Entry) -> None:
        if entry.takes_room:
            entry.takes_room = False
            self.free += 1
            self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
