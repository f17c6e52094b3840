"""Intents on a real Valkey."""

from collections.abc import Callable, Iterator

import pytest

from qontract.adapters.redis import RedisBroker, RedisEventPublisher, RedisIntents
from qontract.application.ports.intents import Intents, IntentsError
from qontract.domain.events import DomainEvent
from qontract.testing.contracts.intents import SCOPE, IntentsContract, an_event


@pytest.fixture
def broker(valkey_url: str) -> Iterator[RedisBroker]:
    with RedisBroker(valkey_url) as broker:
        yield broker


class TestRedisIntents(IntentsContract):
    @pytest.fixture
    def intents(self, broker: RedisBroker) -> Intents:
        return RedisIntents(broker, channel="main", source="/there")

    @pytest.fixture
    def publish(self, broker: RedisBroker) -> Callable[[DomainEvent], None]:
        publisher = RedisEventPublisher(broker, channel="main", stream="qontract:{main}:events", source="/there")
        return lambda event: publisher.publish([event])


def test_an_intent_is_settled_also_by_an_event_that_redis_knows_already(broker: RedisBroker) -> None:
    intents = RedisIntents(broker, channel="main", source="/there")
    publisher = RedisEventPublisher(broker, channel="main", stream="qontract:{main}:events", source="/there")
    event = an_event()
    publisher.publish([event])
    intents.record(SCOPE, event)
    publisher.publish([event])
    assert intents.pending() == {}
    assert broker.command("XLEN", "qontract:{main}:events") == 1


def test_a_refused_connection_is_an_error_of_the_intents_without_the_password() -> None:
    with RedisBroker("redis://:hush-hush@127.0.0.1:1/0") as broker, pytest.raises(IntentsError) as caught:
        RedisIntents(broker, channel="main", source="/there").record(SCOPE, an_event())
    assert "hush" not in str(caught.value)
