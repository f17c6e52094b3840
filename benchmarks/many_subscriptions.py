"""Twenty subscriptions in one process, beside one: draining, and doing nothing."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any

import redis

from benchmarks.draining import MAX_SECONDS, Counting, acknowledged, delivering
from benchmarks.events import STREAM, an_event_manager, domain_events
from benchmarks.measuring import AtLeast, AtMost, Result, in_turns
from qontract.domain.events import DomainEvent

MANY = 20
IDLE_SECONDS = 10.0


def many(url: str, rounds: int, *, events: int = 10_000) -> list[Result]:
    """Drain the same stream, of as many types as there are subscriptions."""
    _publish(events)
    few = events // MANY
    found = in_turns(
        {
            "one": partial(_rate, url, events, lambda: {"one": Counting(events)}),
            "all": partial(_rate, url, events, lambda: {_name(n): Counting(events) for n in range(MANY)}),
            "own": partial(
                _rate, url, events, lambda: {_name(n): Counting(few, types=(_type(n),)) for n in range(MANY)}
            ),
        },
        rounds,
    )
    work, one = f"drain {events:,} by {MANY} subscriptions", "one that wants all"
    return [
        Result(f"{work}, each all", "events/s", found["all"], one, found["one"], bar=AtLeast(0.1), aim=AtLeast(0.2)),
        Result(f"{work}, each a type", "events/s", found["own"], one, found["one"], bar=AtLeast(0.4)),
    ]


def idle(url: str, _: int) -> list[Result]:
    """Ask Redis what it does while there is nothing to do."""
    one = asyncio.run(_commands_a_second(url, 1, 2 * IDLE_SECONDS))  # it reads once a second: few are counted roughly
    twenty = asyncio.run(_commands_a_second(url, MANY, IDLE_SECONDS))
    return [Result(f"{MANY} idle subscriptions", "commands/s", (twenty,), "one", (one,), bar=AtMost(MANY))]


def _name(number: int) -> str:
    return f"bench-{number}"


def _type(number: int) -> str:
    return f"bench.kind.{number}"


def _publish(events: int) -> None:
    """Publish events whose types take turns."""
    manager = an_event_manager()
    for _ in range(events // 100):
        manager.publish_events(
            [
                DomainEvent(**event.model_dump(include={"subject", "data", "correlation_id"}), type=_type(n % MANY))
                for n, event in enumerate(domain_events(100))
            ]
        )


def _rate(url: str, events: int, handlers: Callable[[], dict[str, Counting]]) -> float:
    """Return how many events of the stream a second, until every subscription has done with all."""
    return events / asyncio.run(asyncio.wait_for(_seconds(url, handlers), MAX_SECONDS))


async def _seconds(url: str, make: Callable[[], dict[str, Counting]]) -> float:
    handlers = make()
    with _groups(url, handlers):
        started = perf_counter()
        async with delivering(handlers):
            await asyncio.gather(*(acknowledged(url, name, handler) for name, handler in handlers.items()))
            return perf_counter() - started


async def _commands_a_second(url: str, count: int, seconds: float) -> float:
    """Return what Redis runs while nothing is to be done, the commands within scripts too."""
    handlers = {_name(number): Counting(1) for number in range(count)}
    with _groups(url, handlers, at="$"), redis.Redis.from_url(url) as client:
        async with delivering(handlers):
            await asyncio.sleep(1)  # they have begun
            before = _calls(client)
            await asyncio.sleep(seconds)
            return (_calls(client) - before) / seconds


def _calls(client: redis.Redis) -> int:
    stats: Any = client.info("commandstats")
    return sum(stat["calls"] for name, stat in stats.items() if name != "cmdstat_info")


@contextmanager
def _groups(url: str, names: Iterable[str], at: str = "0") -> Iterator[None]:
    with redis.Redis.from_url(url) as client:
        for name in names:
            client.xgroup_create(STREAM, name, id=at, mkstream=True)
        try:
            yield
        finally:
            for name in names:
                client.xgroup_destroy(STREAM, name)
