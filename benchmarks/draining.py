"""Draining a backlog: from the start until the last event is handled and acknowledged."""

import asyncio
import gc
import json
import logging
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import redis
from faststream.redis import StreamSub
from redis.asyncio import Redis

from benchmarks.events import DATA, STREAM, an_event_manager, domain_events
from benchmarks.measuring import AtLeast, Result, in_turns
from qontract.adapters.cloudevents import Event
from qontract.adapters.redis.faststream import faststream_broker
from qontract.application.delivery.subscription import Subscription
from qontract.application.ports.event_handler import Delivery, EventHandler
from qontract.domain.events import DomainEvent
from qontract.entrypoints.container import Container
from qontract.entrypoints.subscriber.deliveries import deliveries_of, tune_garbage_collector
from qontract.entrypoints.subscriptions import Loaded

GROUP = "bench"
LOOP = "redis-py loop, hiredis"
MAX_SECONDS = 60
"""For one round: a subscription that handles nothing ends the run, and does not hold it up."""


class Counting(EventHandler):
    """Sets `all_handled` after so many events, and tells of each how many there were."""

    def __init__(
        self, events: int, tell: Callable[[int], object] = lambda _: None, *, types: tuple[str, ...] = ("*",)
    ) -> None:
        self.types = types
        self.all_handled = asyncio.Event()
        self._events = events
        self._tell = tell
        self._handled = 0
        self._loop = asyncio.get_running_loop()

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:  # noqa: ARG002 - it only counts
        """Count the event."""
        self.count()

    def count(self) -> None:
        """Count one more; also from another thread."""
        self._handled += 1
        self._tell(self._handled)
        if self._handled == self._events:
            self._loop.call_soon_threadsafe(self.all_handled.set)


Drain = Callable[[str, Counting], Coroutine[Any, Any, float]]


def drain(url: str, rounds: int, *, events: int = 20_000, subjects: int = 1000) -> list[Result]:
    """Drain the same stream over and over, each time by a new group."""
    publish(events, subjects)
    drains: dict[str, Drain] = {"ours": ours, "redis-py": _redis_py, "faststream": _faststream}
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):  # FastStream tells of each event
        found = in_turns({name: partial(_rate, url, drain, events) for name, drain in drains.items()}, rounds)
    work = f"drain {events:,}"
    return [
        Result(work, "events/s", found["ours"], LOOP, found["redis-py"], bar=AtLeast(0.4), aim=AtLeast(0.6)),
        Result(work, "events/s", found["ours"], "plain FastStream", found["faststream"], bar=AtLeast(6)),
    ]


def publish(events: int, subjects: int) -> None:
    """Publish a backlog."""
    manager = an_event_manager()
    for _ in range(events // 100):
        manager.publish_events(domain_events(100, subjects))


def _rate(url: str, drain: Drain, events: int) -> float:
    with redis.Redis.from_url(url) as client:
        client.xgroup_create(STREAM, GROUP, id="0")
        try:
            return events / asyncio.run(_drained(url, drain, events))
        finally:
            client.xgroup_destroy(STREAM, GROUP)


async def _drained(url: str, drain: Drain, events: int) -> float:
    return await asyncio.wait_for(drain(url, Counting(events)), MAX_SECONDS)


async def ours(url: str, handler: Counting) -> float:
    """Run an ordered subscription as the subscriber does. Return the seconds until all was acknowledged."""
    started = perf_counter()
    async with delivering({GROUP: handler}):
        await acknowledged(url, GROUP, handler)
        return perf_counter() - started


@asynccontextmanager
async def delivering(handlers: Mapping[str, EventHandler[Any]]) -> AsyncIterator[None]:
    """Run subscriptions as the subscriber's process does, while the body runs."""
    container = Container()
    subscriptions = [Subscription(name, handler) for name, handler in handlers.items()]
    deliveries = deliveries_of(container, Loaded(subscriptions, {}, {}))
    tune_garbage_collector()
    async with container.event_log_connection() as connection:
        await deliveries.start(connection)
        try:
            yield
        finally:
            await deliveries.stop()
            gc.unfreeze()


async def _redis_py(url: str, handler: Counting) -> float:
    """As a user of redis-py would write it."""
    started = perf_counter()
    async with Redis.from_url(url) as client:
        while not handler.all_handled.is_set():
            answer: Any = await client.xreadgroup(GROUP, "peer", {STREAM: ">"}, count=100, block=1000)
            for _, entries in answer:
                for _, fields in entries:
                    json.loads(fields[DATA.encode()])
                    handler.count()
                await client.xack(STREAM, GROUP, *(entry for entry, _ in entries))
    return perf_counter() - started


async def _faststream(url: str, handler: Counting) -> float:
    """As FastStream's documentation writes it, with its log; only the reading of CloudEvents is added."""
    broker = faststream_broker(url)
    logging.getLogger("faststream.access.redis").filters.clear()  # those of the rounds before: each broker adds one

    @broker.subscriber(stream=StreamSub(STREAM, group=GROUP, consumer="peer"))
    async def handle(event: Event) -> None:  # noqa: ARG001 - FastStream reads it from here
        handler.count()

    started = perf_counter()
    await broker.start()
    await acknowledged(url, GROUP, handler)
    ended = perf_counter()
    await broker.stop()
    return ended - started


async def acknowledged(url: str, group: str, handler: Counting) -> None:
    """Wait until the handler has handled all, and nothing is pending."""
    await handler.all_handled.wait()
    async with Redis.from_url(url) as client:
        while (await client.xpending(STREAM, group))["pending"]:  # noqa: ASYNC110 - Redis tells nobody
            await asyncio.sleep(0.001)
