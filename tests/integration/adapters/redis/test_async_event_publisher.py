"""The publisher of handlers on a real Valkey."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import redis
from redis.asyncio import Redis

from qontract.adapters.cloudevents import Event, from_cloudevent
from qontract.adapters.redis import RedisAsyncEventPublisher
from qontract.application.ports.async_event_publisher import AsyncEventPublisher
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.domain.events import DomainEvent
from qontract.testing.contracts.event_publisher import SOURCE, Published
from tests.contracts.async_event_publisher import AsyncEventPublisherContract, EachOnALoopOfItsOwn
from tests.support.processes import free_port
from tests.support.redis_event_log import KEYS


@asynccontextmanager
async def publisher_at(url: str) -> AsyncIterator[AsyncEventPublisher]:
    async with Redis.from_url(url) as client:
        yield RedisAsyncEventPublisher(client, "main", KEYS.stream, SOURCE)


class TestRedisAsyncEventPublisher(AsyncEventPublisherContract):
    @pytest.fixture
    def published(self, valkey_url: str) -> Published:
        def accepted() -> Sequence[DomainEvent]:
            with redis.Redis.from_url(valkey_url) as client:
                kept: Any = client.xrange(KEYS.stream)
            return [from_cloudevent(Event.from_json(fields[b"__data__"])) for _, fields in kept]

        return EachOnALoopOfItsOwn(partial(publisher_at, valkey_url)), accepted


@pytest.mark.anyio
async def test_the_live_channel_has_the_bytes_of_the_stream_and_the_intent_is_gone(valkey_url: str) -> None:
    event = DomainEvent(type="a.b", data={}, source="/here")
    async with Redis.from_url(valkey_url) as client, client.pubsub() as listener:
        await listener.subscribe("main")
        await listener.get_message(timeout=5)
        await client.hset(KEYS.intents, f"/here:{event.id}", "an intent")
        await RedisAsyncEventPublisher(client, "main", KEYS.stream, SOURCE).publish([event])
        live: Any = await listener.get_message(timeout=5)
        kept: Any = await client.xrange(KEYS.stream)
        [[_, fields]] = kept
        assert fields == {b"__data__": live["data"], b"__type__": b"a.b"}
        assert not await client.exists(KEYS.intents)


@pytest.mark.anyio
async def test_nothing_is_kept_without_a_stream(valkey_url: str) -> None:
    async with Redis.from_url(valkey_url) as client:
        await RedisAsyncEventPublisher(client, "main", "", SOURCE).publish([DomainEvent(type="a.b", data={})])
        assert [key async for key in client.scan_iter(_type="stream")] == []


@pytest.mark.anyio
async def test_no_events_need_no_redis_and_others_are_not_published_without_one() -> None:
    async with Redis.from_url(f"redis://:hush@127.0.0.1:{free_port()}/0", retry=None) as away:
        publisher = RedisAsyncEventPublisher(away, "main", KEYS.stream, SOURCE)
        await publisher.publish([])
        with pytest.raises(EventPublisherError, match="ConnectionError") as caught:
            await publisher.publish([DomainEvent(type="a.b", data={})])
    assert "hush" not in str(caught.value)
    assert not caught.value.refused
