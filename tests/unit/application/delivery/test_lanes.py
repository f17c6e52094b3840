"""Lanes: what runs one after the other, and what at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from qontract.application.delivery.capacity import Capacity
from qontract.application.delivery.lanes import Lanes
from qontract.application.ports.event_log import Entry
from tests.support.delivering import on_virtual_clock

Run = Callable[[Entry], Awaitable[float | None]]


class Running:
    """Lanes at work: what began (`began`), what is done (`done`), with the time."""

    def __init__(self, seconds: float = 1, concurrency: int = 10, run: Run | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.capacity = Capacity(100, 10_000)
        self.began: list[tuple[str, float]] = []
        self._done: list[tuple[float, str]] = []
        self._seconds = seconds
        self._own = run
        self._tasks: list[asyncio.Task[None]] = []
        self.lanes = Lanes(self._run, self._spawn, self.capacity, concurrency=concurrency)

    @property
    def done(self) -> list[tuple[str, float]]:
        return [(key, when) for when, key in sorted(self._done)]  # what ends at one time has no order

    def add(self, *keys: str, suspect: bool = False) -> list[Entry]:
        """Add an entry for each key, of which the first letter is the lane."""
        entries = [Entry(key, b"x" * 9, suspect=suspect) for key in keys]
        for entry in entries:
            self.capacity.take([entry])
            self.lanes.add(str(entry.key)[0], entry)
        return entries

    def _spawn(self, work: Any) -> None:
        self._tasks.append(asyncio.create_task(work))

    async def _run(self, entry: Entry, _: asyncio.Task[None]) -> float | None:
        self.began.append((str(entry.key), self.loop.time()))
        await asyncio.sleep(self._seconds)
        delay = await self._own(entry) if self._own else None
        if delay is None:
            self._done.append((self.loop.time(), str(entry.key)))
        return delay


def once(key: str, delay: float) -> Run:
    """Return what has this entry wait once."""
    seen = list[str]()

    async def run(entry: Entry) -> float | None:
        seen.append(str(entry.key))
        return delay if seen.count(key) == 1 and entry.key == key else None

    return run


@on_virtual_clock
async def test_entries_of_one_lane_run_one_after_the_other_and_lanes_at_once() -> None:
    running = Running()
    running.add("a1", "a2", "b1", "a3", "b2")
    await running.lanes.idle()
    assert running.done == [("a1", 1), ("b1", 1), ("a2", 2), ("b2", 2), ("a3", 3)]


@on_virtual_clock
async def test_no_more_lanes_run_at_once_than_the_concurrency_and_each_has_its_turn() -> None:
    running = Running(concurrency=2)
    running.add("a1", "a2", "a3", "b1", "b2", "b3", "c1")
    assert running.lanes.running == 2
    await running.lanes.idle()
    assert running.done[:4] == [("a1", 1), ("b1", 1), ("a2", 2), ("c1", 2)]
    assert running.loop.time() == 4


@on_virtual_clock
async def test_a_lane_that_waits_comes_again_in_its_order_and_takes_no_place_of_another() -> None:
    running = Running(concurrency=1, run=once("a1", 60))
    running.add("a1", "a2", "b1", "b2")
    await asyncio.sleep(1000)
    assert running.done == [("b1", 2), ("b2", 3), ("a1", 62), ("a2", 63)]


@on_virtual_clock
async def test_what_waits_keeps_neither_its_content_nor_any_capacity_and_what_comes_behind_it_neither() -> None:
    running = Running(run=once("a1", 60))
    entries = running.add("a1", "a2")
    await asyncio.sleep(10)
    entries += running.add("a3")
    assert [entry.content for entry in entries] == [None] * 3
    assert (running.capacity.entries, running.capacity.bytes) == (100, 10_000)
    await asyncio.sleep(100)
    assert [key for key, _ in running.done] == ["a1", "a2", "a3"]


@on_virtual_clock
async def test_capacity_is_free_again_when_an_entry_is_done() -> None:
    running = Running()
    running.add("a1", "a2")
    await asyncio.sleep(1.5)
    assert running.capacity.entries == 99
    await running.lanes.idle()
    assert (running.capacity.entries, running.capacity.bytes) == (100, 10_000)


@on_virtual_clock
async def test_of_suspects_one_runs_at_a_time_and_others_beside_it() -> None:
    running = Running(seconds=5)
    running.add("a1", "b1", "c1", suspect=True)
    running.add("d1", "e1")
    await running.lanes.idle()
    assert running.began == [("a1", 0), ("d1", 0), ("e1", 0), ("b1", 5), ("c1", 10)]


@on_virtual_clock
async def test_a_suspect_that_waits_lets_the_next_one_run() -> None:
    running = Running(run=once("a1", 60))
    running.add("a1", "b1", suspect=True)
    await asyncio.sleep(1000)
    assert running.done == [("b1", 2), ("a1", 62)]


@on_virtual_clock
async def test_nothing_begins_once_they_are_closed_and_what_runs_may_end() -> None:
    running = Running(run=once("c1", 60))
    running.add("a1", "a2", "b1", "c1")
    await asyncio.sleep(0.5)
    running.lanes.closed = True
    await running.lanes.idle()
    assert running.loop.time() == 1
    running.add("d1")
    await asyncio.sleep(1000)
    assert running.done == [("a1", 1), ("b1", 1)]


@on_virtual_clock
async def test_what_is_at_work_is_known() -> None:
    running = Running()
    entries = running.add("a1", "a2", "b1")
    await asyncio.sleep(0.5)
    assert running.lanes.at_work == {entries[0], entries[2]}
    await running.lanes.idle()
    assert running.lanes.at_work == set()


@on_virtual_clock
async def test_entries_that_wait_for_nothing_let_others_have_a_turn() -> None:
    turns = 0

    async def at_once(_: Entry, __: asyncio.Task[None]) -> float | None:
        return None

    capacity = Capacity(10_000, 1_000_000)
    tasks: list[asyncio.Task[None]] = []
    lanes = Lanes(at_once, lambda work: tasks.append(asyncio.create_task(work)), capacity, concurrency=1)
    for number in range(1000):
        lanes.add("a", Entry(number, b""))
    while lanes.running:
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 40
