"""From publishing to the start of the handler, in another process, one event at a time."""

import asyncio
import json
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from statistics import median, quantiles
from time import monotonic_ns
from typing import Any

import redis
from redis.asyncio import Redis

from benchmarks.draining import delivering
from benchmarks.events import DATA, an_event_manager, dicts, domain_events
from benchmarks.measuring import AtMost, Result, in_turns
from qontract.application.ports.event_handler import Delivery, EventHandler
from qontract.domain.events import DomainEvent

PEER_STREAM = "peer"
MAX_SECONDS = 10


class Telling(EventHandler):
    """Tells when it was called (CLOCK_MONOTONIC, in ns: one clock for all processes of a machine)."""

    def __init__(self, tell: Connection) -> None:
        self._tell = tell

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:  # noqa: ARG002 - that it came is enough
        """Tell it."""
        self._tell.send(monotonic_ns())


def latency(url: str, rounds: int, *, events: int = 100) -> list[Result]:
    """Measure the middle and the slowest hundredth of each round."""
    middles: dict[str, list[float]] = {"ours": [], "redis-py": []}
    manager = an_event_manager()
    with redis.Redis.from_url(url) as client, _reader(_ours, url) as ours, _reader(_redis_py, url) as peer:

        def add(event: dict[str, Any]) -> None:
            client.xadd(PEER_STREAM, {DATA: json.dumps(event)})

        def slowest(name: str, publish: Callable[[Any], object], made: list[Any], reader: Connection) -> float:
            times = [_milliseconds(partial(publish, event), reader) for event in made]
            middles[name].append(median(times))
            return quantiles(times, n=100, method="inclusive")[98]

        found = in_turns(
            {
                "ours": lambda: slowest("ours", manager.publish_event, domain_events(events), ours),
                "redis-py": lambda: slowest("redis-py", add, dicts(events), peer),
            },
            rounds,
        )
    against = "redis-py XADD, XREADGROUP"
    return [
        Result("latency p50", "ms", tuple(middles["ours"]), against, tuple(middles["redis-py"]), aim=AtMost(2)),
        Result("latency p99", "ms", found["ours"], against, found["redis-py"], aim=AtMost(2)),
    ]


def _milliseconds(publish: Callable[[], object], reader: Connection) -> float:
    started = monotonic_ns()
    publish()
    if not reader.poll(MAX_SECONDS):
        raise TimeoutError("an event was not handled")
    return float(reader.recv() - started) / 1e6


@contextmanager
def _reader(read: Callable[[str, Connection], None], url: str) -> Iterator[Connection]:
    """Run a reader in a process of its own; it tells first that it is there."""
    spawn = multiprocessing.get_context("spawn")
    hear, tell = spawn.Pipe(duplex=False)
    process = spawn.Process(target=read, args=(url, tell), daemon=True)
    process.start()
    try:
        yield hear
    finally:
        process.kill()
        process.join()
        hear.close()
        tell.close()


def _ours(_: str, tell: Connection) -> None:
    asyncio.run(_ours_for_ever(Telling(tell)))


async def _ours_for_ever(handler: Telling) -> None:
    async with delivering({"latency": handler}):
        await asyncio.Event().wait()


def _redis_py(url: str, tell: Connection) -> None:
    asyncio.run(_redis_py_loop(url, tell))


async def _redis_py_loop(url: str, tell: Connection) -> None:
    """As a user of redis-py would write it."""
    async with Redis.from_url(url) as client:
        await client.xgroup_create(PEER_STREAM, "latency", id="0", mkstream=True)
        while True:
            answer: Any = await client.xreadgroup("latency", "peer", {PEER_STREAM: ">"}, count=100, block=1000)
            for _, entries in answer:
                for entry, fields in entries:
                    json.loads(fields[DATA.encode()])
                    tell.send(monotonic_ns())
                    await client.xack(PEER_STREAM, "latency", entry)
