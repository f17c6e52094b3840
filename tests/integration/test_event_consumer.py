"""The consumer of the stream, on a real Valkey."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
import redis

from qontract.adapters.memory import InMemoryEventHandler
from qontract.adapters.redis import RedisBroker, RedisEventConsumer, RedisEventPublisher, faststream_broker
from qontract.application.ports.event_handler import EventHandler
from qontract.application.subscriptions import Subscription
from qontract.domain.events import DomainEvent

pytestmark = pytest.mark.anyio

STREAM = "qontract:{main}:events"


class Failing(InMemoryEventHandler):
    """Fails as many times as it is told to, then handles."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures

    async def handle(self, event: DomainEvent) -> None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("not this time")
        await super().handle(event)


class Slow(EventHandler):
    """Handles when it is allowed to."""

    def __init__(self) -> None:
        self.begun, self.may_end, self.ended = anyio.Event(), anyio.Event(), 0

    async def handle(self, event: DomainEvent) -> None:
        self.begun.set()
        await self.may_end.wait()
        self.ended += 1


def an_event(number: int, event_type: str = "qontract-api.test.happened") -> DomainEvent:
    return DomainEvent(type=event_type, subject="here", data={"number": number})


def publish(url: str, *events: DomainEvent) -> None:
    with RedisBroker(url) as broker:
        RedisEventPublisher(broker, channel="main", stream=STREAM, source="qontract-api").publish(events)


def numbers(handler: InMemoryEventHandler) -> list[Any]:
    return [event.model_dump()["data"]["number"] for event in handler.handled]


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not condition():
            await anyio.sleep(0.01)


@asynccontextmanager
async def consuming(
    url: str, *handlers: EventHandler, replica: str = "one", lease_seconds: float = 1, retry_seconds: float = 0.3
) -> AsyncIterator[RedisEventConsumer]:
    broker = faststream_broker(url)
    consumer = RedisEventConsumer(
        broker.connect,
        [Subscription(f"number-{place}", handler) for place, handler in enumerate(handlers)],
        prefix="qontract:{main}:",
        stream=STREAM,
        replica=replica,
        batch=10,
        lease_seconds=lease_seconds,
        retry_seconds=retry_seconds,
    )
    async with anyio.create_task_group() as group:
        group.start_soon(consumer.run)
        try:
            yield consumer
        finally:
            group.cancel_scope.cancel()
    await broker.stop()


def pending(url: str, group: str = "number-0") -> int:
    with redis.Redis.from_url(url) as client:
        summary: Any = client.xpending(STREAM, group)
        return int(summary["pending"])


async def test_an_event_published_before_the_first_subscriber_is_delivered(valkey_url: str) -> None:
    publish(valkey_url, *map(an_event, range(25)))
    handler = InMemoryEventHandler()
    async with consuming(valkey_url, handler):
        await until(lambda: len(handler.handled) == 25)
    assert numbers(handler) == list(range(25))


async def test_every_subscription_gets_each_event_that_it_wants_and_no_other(valkey_url: str) -> None:
    everything, some = InMemoryEventHandler(), InMemoryEventHandler("qontract-api.other.*")
    async with consuming(valkey_url, everything, some):
        publish(valkey_url, an_event(1), an_event(2, "qontract-api.other.done"), an_event(3))
        await until(lambda: len(everything.handled) == 3 and len(some.handled) == 1)
    assert numbers(some) == [2]


async def test_an_event_is_acknowledged_after_its_handler(valkey_url: str) -> None:
    publish(valkey_url, an_event(1))
    handler = Slow()
    async with consuming(valkey_url, handler):
        await handler.begun.wait()
        assert pending(valkey_url) == 1
        handler.may_end.set()
        await until(lambda: pending(valkey_url) == 0)


async def test_an_event_whose_handler_failed_is_tried_again_while_later_ones_go_on(valkey_url: str) -> None:
    publish(valkey_url, *map(an_event, range(3)))
    handler = Failing(1)
    async with consuming(valkey_url, handler):
        await until(lambda: len(handler.handled) == 3)
        await until(lambda: pending(valkey_url) == 0)
    assert numbers(handler) == [1, 2, 0]


async def test_what_cannot_be_read_stays_in_the_stream_unacknowledged_while_later_ones_go_on(valkey_url: str) -> None:
    with redis.Redis.from_url(valkey_url) as client:
        client.xadd(STREAM, {"__data__": b"{ this is no event"})
        client.xadd(STREAM, {"something": b"else"})
    publish(valkey_url, an_event(1))
    handler = InMemoryEventHandler()
    async with consuming(valkey_url, handler):
        await until(lambda: len(handler.handled) == 1)
        await until(lambda: pending(valkey_url) == 2)


async def test_an_event_of_an_unknown_type_is_a_plain_event_for_who_wants_it(valkey_url: str) -> None:
    publish(valkey_url, DomainEvent(type="com.example.new", data={"any": ["thing", None]}))
    handler = InMemoryEventHandler()
    async with consuming(valkey_url, handler):
        await until(lambda: len(handler.handled) == 1)
    assert type(handler.handled[0]) is DomainEvent
    assert handler.handled[0].data == {"any": ["thing", None]}


async def test_what_a_dead_replica_had_read_is_taken_over_in_order(valkey_url: str) -> None:
    publish(valkey_url, *map(an_event, range(5)))
    dead, handler = Slow(), InMemoryEventHandler()
    async with consuming(valkey_url, dead, replica="one"):
        await dead.begun.wait()
    with redis.Redis.from_url(valkey_url) as client:  # as after a kill -9: the lease is still there
        client.set("qontract:{main}:lease:number-0", "one", px=500)
    assert pending(valkey_url) == 5
    async with consuming(valkey_url, handler, replica="two"):
        await until(lambda: len(handler.handled) == 5)
    assert numbers(handler) == list(range(5))


async def test_a_second_replica_stands_by_while_the_first_one_works(valkey_url: str) -> None:
    first, second = InMemoryEventHandler(), InMemoryEventHandler()
    async with consuming(valkey_url, first, replica="one"):
        publish(valkey_url, an_event(0))
        await until(lambda: len(first.handled) == 1)
        async with consuming(valkey_url, second, replica="two") as standing_by:
            publish(valkey_url, *map(an_event, range(1, 20)))
            await until(lambda: len(first.handled) == 20)
            assert standing_by.stalled(5) == []
    assert second.handled == []


async def test_a_stream_that_disappears_is_followed_again_from_what_is_there(valkey_url: str) -> None:
    handler = InMemoryEventHandler()
    async with consuming(valkey_url, handler):
        publish(valkey_url, an_event(1))
        await until(lambda: len(handler.handled) == 1)
        with redis.Redis.from_url(valkey_url) as client:
            client.flushall()
        publish(valkey_url, an_event(2))
        await until(lambda: len(handler.handled) == 2)
    assert numbers(handler) == [1, 2]


async def test_stopping_lets_the_handler_at_work_finish_and_begins_no_other(valkey_url: str) -> None:
    publish(valkey_url, an_event(1), an_event(2))
    handler = Slow()
    async with consuming(valkey_url, handler) as consumer:
        await handler.begun.wait()
        consumer.stop()
        handler.may_end.set()
        await until(lambda: pending(valkey_url) == 1)
    assert handler.ended == 1


async def test_a_subscription_that_makes_no_progress_is_stalled(valkey_url: str) -> None:
    handler = Slow()
    async with consuming(valkey_url, handler) as consumer:
        publish(valkey_url, an_event(1))
        await handler.begun.wait()
        await until(lambda: consumer.stalled(0.2) == ["number-0"])
        handler.may_end.set()
        await until(lambda: consumer.stalled(2) == [])
