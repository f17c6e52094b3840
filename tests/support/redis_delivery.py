"""Replicas of subscriptions at work on a real Redis, each with its own connection, on the event loop of the test."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import redis

from qontract.adapters.cloudevents import CloudEventsEventFormat
from qontract.adapters.redis import RedisBroker, RedisEventPublisher
from qontract.adapters.redis.event_log_connection import RedisEventLogConnection
from qontract.adapters.redis.faststream import faststream_broker
from qontract.application.delivery.counts import DeliveryCount
from qontract.application.delivery.delivery_loop import DeliveryLoop, keep_alive
from qontract.application.delivery.follow_ups import FollowUpPublisher
from qontract.application.delivery.lease import Lease
from qontract.application.delivery.session import Dependencies, Limits
from qontract.application.delivery.subscription import Subscription
from qontract.application.event_manager import EventManager
from qontract.application.ports.event_handler import EventHandler
from qontract.domain.events import DomainEvent
from tests.support.delivering import NAME

STREAM = "qontract:{main}:events"
QUICK = Limits(batch=10, claim_seconds=2, grace_seconds=5, read_seconds=0.1)
_FORMAT = CloudEventsEventFormat("qontract-api")


def publish(url: str, *events: DomainEvent) -> None:
    """Publish the events as a producer does. Raises EventPublisherError."""
    with RedisBroker(url) as broker:
        _publisher(broker).publish(events)


def ask(url: str, *command: Any) -> Any:
    """Return the server's answer to a command."""
    with redis.Redis.from_url(url) as client:
        return client.execute_command(*command)


def pending(url: str, subscription: str = NAME) -> int:
    """Return how many entries are read and not acknowledged; -1 if the subscription is not there yet."""
    try:
        return int(ask(url, "XPENDING", STREAM, subscription)["pending"])
    except redis.ResponseError:
        return -1


@dataclass
class Replica:
    """One replica at work: its view of the stream, its loops by subscription, and what was counted of all of them."""

    logs: RedisEventLogConnection
    loops: dict[str, DeliveryLoop] = field(default_factory=dict)
    counts: Counter[DeliveryCount] = field(default_factory=Counter)
    runs: list[asyncio.Task[None]] = field(default_factory=list)

    async def stop(self) -> None:
        """End in good order."""
        for loop in self.loops.values():
            loop.stop()
        await asyncio.gather(*self.runs)


@asynccontextmanager
async def replica(
    url: str, handlers: EventHandler[Any] | Mapping[str, EventHandler[Any]], name: str = "one", limits: Limits = QUICK
) -> AsyncIterator[Replica]:
    """Run a replica of these subscriptions while the body runs; then it ends without a word, as kill -9 does."""
    logs = RedisEventLogConnection(
        faststream_broker(url),
        replica=name,
        channel="main",
        stream=STREAM,
        source="qontract-api",
        claim_seconds=limits.claim_seconds,
    )
    async with AsyncExitStack() as stack:
        events = EventManager(_publisher(stack.enter_context(RedisBroker(url))))
        made = Replica(await stack.enter_async_context(logs))
        before = asyncio.all_tasks()
        guards: list[asyncio.Task[None]] = []
        for each, handler in (handlers if isinstance(handlers, Mapping) else {NAME: handlers}).items():
            loop = made.loops[each] = _loop(Subscription(each, handler), made, limits, events)
            made.runs.append(asyncio.create_task(loop.run()))
            guards.append(asyncio.create_task(keep_alive(loop, logs.of(each, handler), limits.claim_seconds)))
        try:
            yield made
        finally:
            await _end({*made.runs, *guards})
            await _end(asyncio.all_tasks() - before)  # the dead do nothing any more


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel the tasks until they have ended: one that goes on would connect again after the connection is closed."""
    end = asyncio.get_running_loop().time() + 5
    while tasks and asyncio.get_running_loop().time() < end:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=0.2)


def _publisher(broker: RedisBroker) -> RedisEventPublisher:
    return RedisEventPublisher(broker, channel="main", stream=STREAM, source="qontract-api")


def _loop(subscription: Subscription, made: Replica, limits: Limits, events: EventManager) -> DeliveryLoop:
    handler, clock = subscription.handler, asyncio.get_running_loop().time
    follow_ups = FollowUpPublisher(made.logs.publisher, events, source="qontract-api")
    dependencies = Dependencies(
        _FORMAT, follow_ups.publish, lambda count, number: made.counts.update({count: number}), clock, time.time
    )
    lease = None if handler.policy.shared else Lease(limits.claim_seconds / 2, clock)
    return DeliveryLoop(subscription, made.logs.of(subscription.name, handler), lease, limits, dependencies)
