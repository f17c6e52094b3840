"""Work in order, lane by lane, several lanes at once."""

from collections import deque
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from qontract.adapters.redis.consumer_group import Entry

_TURNS = 20
"""How many entries a task runs before it lets others have a turn: a handler may await nothing."""


class Lanes:
    """Runs entries: those of one lane one after the other, up to `concurrency` lanes at once.

    `run` returns None if the entry is done with, or after how many seconds to run it again; until then its lane waits,
    and no other does. What waits behind it keeps its place but not its content, and takes no room.
    """

    def __init__(self, run: Callable[[Entry], Awaitable[float | None]], *, concurrency: int, room: int) -> None:
        self._run = run
        self._concurrency = concurrency
        self._lanes: dict[str, deque[Entry]] = {}
        self._ready: deque[str] = deque()
        self._waiting: set[str] = set()
        self._changed: anyio.Event | None = None
        self.free = room
        self.closed = False
        self.running = 0

    async def room(self, wanted: int) -> None:
        """Wait until there is room for as many entries: for `free`."""
        while self.free < wanted:
            await self._change()

    async def ended(self) -> None:
        """Wait until nothing is running; nothing more begins once `closed` is set."""
        while self.running:
            await self._change()

    def add(self, lane: str, entry: Entry, tasks: TaskGroup) -> None:
        """Put the entry at the end of its lane, to be run by one of the tasks."""
        if lane not in self._waiting:
            entry.takes_room = True
            self.free -= 1
        else:
            entry.content = entry.event = None
        if lane in self._lanes:
            self._lanes[lane].append(entry)
        else:
            self._lanes[lane] = deque([entry])
            self._begin(lane, tasks)

    def _begin(self, lane: str, tasks: TaskGroup) -> None:
        self._ready.append(lane)
        if self.running < self._concurrency:
            self.running += 1
            tasks.start_soon(self._work, tasks)

    async def _work(self, tasks: TaskGroup) -> None:
        """Run the first entry of each lane that is ready, in turn, until there is none."""
        turns = 0
        try:
            while self._ready and not self.closed:
                lane = self._ready.popleft()
                entries = self._lanes[lane]
                pause = await self._run(entries[0])
                if pause is not None:
                    self._let_go(lane, entries)
                    tasks.start_soon(self._wait, lane, pause, tasks)
                else:
                    self._make_room(entries.popleft())
                    if entries:
                        self._ready.append(lane)
                    else:
                        del self._lanes[lane]
                turns += 1
                if turns % _TURNS == 0:
                    await anyio.lowlevel.checkpoint()
        finally:
            self.running -= 1
            self._tell()

    def _let_go(self, lane: str, entries: deque[Entry]) -> None:
        for entry in entries:
            entry.content = entry.event = None
            self._make_room(entry)
        self._waiting.add(lane)

    async def _wait(self, lane: str, seconds: float, tasks: TaskGroup) -> None:
        await anyio.sleep(seconds)
        self._waiting.discard(lane)
        self._begin(lane, tasks)

    def _make_room(self, entry: Entry) -> None:
        if entry.takes_room:
            entry.takes_room = False
            self.free += 1
            self._tell()

    async def _change(self) -> None:
        self._changed = self._changed or anyio.Event()
        await self._changed.wait()

    def _tell(self) -> None:
        if self._changed:
            self._changed.set()
            self._changed = None
