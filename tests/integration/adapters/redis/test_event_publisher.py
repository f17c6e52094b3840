"""The publisher on a real Valkey."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import redis

from qontract.adapters.cloudevents import Event, from_cloudevent
from qontract.adapters.redis import RedisBroker, RedisEventPublisher
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.domain.events import DomainEvent
from qontract.testing.contracts.event_publisher import SOURCE, EventPublisherContract, Published
from tests.contracts.event_sender import EventSenderContract, Sent

STREAM = "qontract:{main}:events"


@pytest.fixture
def at_redis(valkey_url: str) -> Iterator[tuple[RedisEventPublisher, Callable[[], Sequence[DomainEvent]]]]:
    """A publisher, and what reads the events that Redis has accepted."""

    def accepted() -> Sequence[DomainEvent]:
        with redis.Redis.from_url(valkey_url) as client:
            kept: Any = client.xrange(STREAM)
        return [from_cloudevent(Event.from_json(fields[b"__data__"])) for _, fields in kept]

    with RedisBroker(valkey_url) as broker:
        yield RedisEventPublisher(broker, channel="main", stream=STREAM, source=SOURCE), accepted


class TestRedisEventPublisher(EventPublisherContract):
    @pytest.fixture
    def published(self, at_redis: Published) -> Published:
        return at_redis


class TestRedisEventPublisherAsSender(EventSenderContract):
    @pytest.fixture
    def sent(self, at_redis: Sent) -> Sent:
        return at_redis


def test_an_event_that_cloudevents_forbids_is_an_error_of_the_publisher(valkey_url: str) -> None:
    with RedisBroker(valkey_url) as broker:
        publisher = RedisEventPublisher(broker, channel="main", stream=STREAM, source=SOURCE)
        with pytest.raises(EventPublisherError, match="subject"):
            publisher.publish([DomainEvent(type="a.b", subject="a\nb", data={})])


def test_no_events_need_no_redis() -> None:
    with RedisBroker("redis://127.0.0.1:1/0") as broker:
        RedisEventPublisher(broker, channel="main", stream=STREAM, source=SOURCE).publish([])
