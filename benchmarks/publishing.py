"""Publishing: one event, the events of a task, and many callers at once."""

import asyncio
import json
import logging
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from unittest.mock import patch

import redis
from faststream.redis import RedisBroker

from benchmarks.events import CHANNEL, DATA, STREAM, an_event_manager, dicts, domain_events
from benchmarks.measuring import AtLeast, AtMost, Result, in_turns, rate, seconds
from benchmarks.wiring import replica

Publish = Callable[[Any], object]


TURNS = 5
"""In each round: a machine that is not quiet slows down ours and the peer alike, if turns are short."""


def one(url: str, rounds: int, *, events: int = 200) -> list[Result]:
    """One event a call."""
    manager, client = an_event_manager(), redis.Redis.from_url(url)
    logger = logging.getLogger(__name__)  # each connection adds a filter to FastStream's own, which slows its readers
    broker = RedisBroker(url, logger=logger)
    few = max(1, events // 10)  # the last one is slow
    with client:
        found = in_turns(
            {
                "ours": lambda: _each(manager.publish_event, domain_events(events)),
                "redis-py": lambda: _each(partial(_multi, client), [[event] for event in dicts(events)]),
                "connection": lambda: _each(partial(_connect_and_publish, broker), dicts(few)),
            },
            TURNS * rounds,
        )
        _check(client, TURNS * rounds * (2 * events + few))
    return [
        Result("publish 1", "events/s", found["ours"], "redis-py MULTI", found["redis-py"], bar=AtLeast(0.8)),
        Result(
            "publish 1",
            "events/s",
            found["ours"],
            "connection per event",
            found["connection"],
            bar=AtLeast(6),
            aim=AtLeast(10),
        ),
    ]


def together(url: str, rounds: int, *, calls: int = 5, events: int = 100) -> list[Result]:
    """The events of a task in one call."""
    manager, client = an_event_manager(), redis.Redis.from_url(url)

    def tasks(make: Callable[[int], list[Any]]) -> list[list[Any]]:
        return [make(events) for _ in range(calls)]

    with client:
        found = in_turns(
            {
                "ours": lambda: events * _each(manager.publish_events, tasks(domain_events)),
                "redis-py": lambda: events * _each(partial(_multi, client), tasks(dicts)),
            },
            TURNS * rounds,
        )
        _check(client, TURNS * rounds * 2 * calls * events)
    work = f"publish {events} in a call"
    return [Result(work, "events/s", found["ours"], "redis-py pipeline", found["redis-py"], bar=AtLeast(0.6))]


def on_a_replica(url: str, rounds: int, *, events: int = 200) -> list[Result]:
    """One event a call, which counts when a replica has it."""
    with replica(url), redis.Redis.from_url(url, single_connection_client=True) as client:
        with patch.dict(os.environ, {"QAPI_EVENTS__REPLICAS": "1"}):
            manager = an_event_manager()
        found = in_turns(
            {
                "ours": lambda: _each(manager.publish_event, domain_events(events)),
                "redis-py": lambda: _each(partial(_multi_and_wait, client), [[event] for event in dicts(events)]),
            },
            TURNS * rounds,
        )
        _check(client, TURNS * rounds * 2 * events)
        spooled = manager.spooled()
        if spooled is None or spooled.events:
            raise RuntimeError("the replica did not have all events in time")
    return [Result("publish 1, 1 replica", "events/s", found["ours"], "redis-py MULTI + WAIT", found["redis-py"])]


def parallel(url: str, rounds: int, *, threads: int = 8, processes: int = 4, events: int = 2000) -> list[Result]:
    """One event a call, from threads, and from processes that were forked after the first event."""
    results = []
    for name, count, run in (("threads", threads, _threads), ("forked processes", processes, _processes)):
        lost: list[float] = []
        ours = partial(_ours_in_parallel, url, run, count, events // count, lost)
        peer = partial(_peer_in_parallel, url, run, count, events // count)
        found = in_turns({"ours": ours, "redis-py": peer}, rounds)
        work = f"publish 1, {count} {name}"
        results.append(Result(work, "events/s", found["ours"], "redis-py MULTI", found["redis-py"]))
        results.append(Result(f"{work}: not published", "events", tuple(lost), bar=AtMost(0)))
    return results


def _each(publish: Publish, arguments: list[Any]) -> float:
    """Return how many calls a second."""

    def run() -> None:
        for argument in arguments:
            publish(argument)

    return rate(len(arguments), run)


def _multi(client: redis.Redis, events: list[dict[str, Any]]) -> None:
    """As a user of redis-py would write it: all of it in one MULTI, and one round trip."""
    with client.pipeline(transaction=True) as pipeline:
        for event in events:
            body = json.dumps(event)
            pipeline.xadd(STREAM, {DATA: body})
            pipeline.publish(CHANNEL, body)
        pipeline.execute()


def _multi_and_wait(client: redis.Redis, events: list[dict[str, Any]]) -> None:
    """The same, and then WAIT, which no MULTI can have."""
    _multi(client, events)
    if client.wait(1, 1000) < 1:
        raise RuntimeError("the replica did not have an event in time")


def _connect_and_publish(broker: RedisBroker, event: dict[str, Any]) -> None:
    """As in the system that this replaces: a loop and a connection of FastStream for each event."""

    async def publish() -> None:
        async with broker:
            await broker.publish(event, stream=STREAM)
            await broker.publish(event, channel=CHANNEL)

    asyncio.run(publish())


def _check(client: redis.Redis, events: int) -> None:
    """Refuse figures of events that did not arrive: failing can be quick."""
    kept: Any = client.xlen(STREAM)
    if kept != events:
        raise RuntimeError(f"{kept} of {events} events were published")


def _ours_in_parallel(url: str, run: "Run", count: int, events: int, lost: list[float]) -> float:
    manager = an_event_manager()
    manager.publish_events(domain_events(1))  # a connection that the processes must not share
    with redis.Redis.from_url(url) as client:
        before: Any = client.xlen(STREAM)
        figure = run(manager.publish_event, [domain_events(events) for _ in range(count)])
        after: Any = client.xlen(STREAM)
    lost.append(before + count * events - after)
    return figure


def _peer_in_parallel(url: str, run: "Run", count: int, events: int) -> float:
    with redis.Redis.from_url(url) as client:
        return run(partial(_multi, client), [[[event] for event in dicts(events)] for _ in range(count)])


Run = Callable[[Publish, list[list[Any]]], float]


def _threads(publish: Publish, parts: list[list[Any]]) -> float:
    with ThreadPoolExecutor(len(parts)) as pool:
        return rate(sum(map(len, parts)), lambda: list(pool.map(partial(_each, publish), parts)))


def _processes(publish: Publish, parts: list[list[Any]]) -> float:
    fork = multiprocessing.get_context("fork")
    running = [fork.Process(target=_each, args=(publish, part)) for part in parts]

    def run() -> None:
        for process in running:
            process.start()
        for process in running:
            process.join()

    return sum(map(len, parts)) / seconds(run)
