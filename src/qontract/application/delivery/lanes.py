"""Lanes: entries of one lane run one after the other, and several lanes run at once."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, cast

from qontract.application.delivery.capacity import Capacity
from qontract.application.ports.event_log import Entry

_TURNS = 20
"""How many entries a task runs before it lets other tasks run: a handler may await nothing."""


class Lanes:
    """Runs the entries of one lane one after the other, and up to `concurrency` lanes at once.

    `run` gets an entry and the current task. It returns None if the entry has ended, else after how many seconds to run
    it again. Until then only its own lane waits; the contents of that lane are evicted, so that they take no capacity.

    Suspects are entries that may have killed a replica. They run one at a time: if a replica dies again, it is known
    which entry killed it.
    """

    def __init__(
        self,
        run: Callable[[Entry, asyncio.Task[Any]], Awaitable[float | None]],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        capacity: Capacity,
        *,
        concurrency: int,
    ) -> None:
        self._run = run
        self._spawn = spawn
        self._capacity = capacity
        self._concurrency = concurrency
        self._first: dict[Hashable, Entry] = {}
        self._behind: defaultdict[Hashable, deque[Entry]] = defaultdict(deque)  # most lanes have one entry only
        self._ready: deque[Hashable] = deque()
        self._waiting: set[Hashable] = set()
        self._suspects: deque[Hashable] = deque()
        self._suspect_runs = False
        self._idle = asyncio.Event()
        self.at_work: set[Entry] = set()
        self.closed = False
        self.running = 0

    def add(self, lane: Hashable, entry: Entry) -> None:
        """Put the entry at the end of its lane."""
        if lane in self._waiting:
            self._evict(entry)
        if lane in self._first:
            self._behind[lane].append(entry)
        else:
            self._first[lane] = entry
            self._begin(lane)

    async def idle(self) -> None:
        """Wait until nothing is running. Set `closed` first, so that nothing more begins."""
        while self.running:
            self._idle.clear()
            await self._idle.wait()

    def _begin(self, lane: Hashable) -> None:
        self._ready.append(lane)
        if self.running < self._concurrency:
            self.running += 1
            self._spawn(self._work())

    async def _work(self) -> None:
        """Run the first entry of each ready lane, in turn, until no lane is ready."""
        turns = 0
        task = cast("asyncio.Task[Any]", asyncio.current_task())  # a coroutine always has one
        try:
            while self._ready and not self.closed:
                lane = self._ready.popleft()
                entry = self._first[lane]
                if entry.suspect and self._suspect_runs:
                    self._suspects.append(lane)
                    continue
                self.at_work.add(entry)
                try:
                    delay = await (self._run_alone(entry, task) if entry.suspect else self._run(entry, task))
                finally:
                    self.at_work.discard(entry)
                if delay is not None:
                    self._wait(lane, delay)
                else:
                    self._capacity.free(entry)
                    if lane in self._behind:
                        self._next(lane)
                    else:
                        del self._first[lane]
                turns += 1
                if turns % _TURNS == 0:
                    await asyncio.sleep(0)
        finally:
            self.running -= 1
            if not self.running:
                self._idle.set()

    def _next(self, lane: Hashable) -> None:
        """Make the entry behind the first one ready: the first one has ended."""
        behind = self._behind[lane]
        self._first[lane] = behind.popleft()
        if not behind:
            del self._behind[lane]
        self._ready.append(lane)

    async def _run_alone(self, entry: Entry, task: asyncio.Task[Any]) -> float | None:
        self._suspect_runs = True
        try:
            return await self._run(entry, task)
        finally:
            self._suspect_runs = False
            if self._suspects:
                self._ready.append(self._suspects.popleft())

    def _wait(self, lane: Hashable, seconds: float) -> None:
        """Evict the contents of the lane, and begin it again later."""
        self._evict(self._first[lane])
        for entry in self._behind.get(lane, ()):
            self._evict(entry)
        self._waiting.add(lane)
        asyncio.get_running_loop().call_later(seconds, self._begin_again, lane)

    def _evict(self, entry: Entry) -> None:
        entry.content = entry.event = None
        self._capacity.free(entry)

    def _begin_again(self, lane: Hashable) -> None:
        self._waiting.discard(lane)
        if not self.closed:
            self._begin(lane)
