"""The states in a real Valkey."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis
from redis.asyncio import Redis

from qontract.adapters.redis import RedisBroker, RedisDeadLetters, RedisEventPublisher, RedisSubscriptions
from qontract.adapters.redis.delivery_states import RedisDeliveryStates
from qontract.application.ports.delivery_states import DeliveryStatesError
from qontract.application.ports.event_log import EventLog
from qontract.domain.events import DomainEvent
from tests.contracts.delivery_states import ASKED, NAME, DeliveryStatesContract, Store, end, read
from tests.support.processes import free_port
from tests.support.redis_event_log import KEYS, a_log


@pytest.fixture
def server(valkey_url: str) -> redis.Redis:
    return redis.Redis.from_url(valkey_url)


def states_of(url: str) -> RedisDeliveryStates:
    return RedisDeliveryStates(url, channel="main", stream=KEYS.stream, source="here", timeout=2)


class TestRedisDeliveryStates(DeliveryStatesContract):
    @pytest.fixture
    async def store(self, valkey_url: str, server: redis.Redis) -> AsyncIterator[Store]:
        async with Redis.from_url(valkey_url) as client:

            def keep(content: bytes) -> str:
                entry: Any = server.xadd(KEYS.stream, {"__data__": content})
                return str(entry.decode())

            def log(replica: str, shared: bool) -> EventLog:
                return a_log(
                    client,
                    replica,
                    shared=shared,
                    subscription=NAME,
                    types=ASKED.types,
                    max_attempts=ASKED.max_attempts,
                )

            letters = RedisDeadLetters(valkey_url, channel="main", stream=KEYS.stream)
            subscriptions = RedisSubscriptions(valkey_url, channel="main", stream=KEYS.stream)
            yield Store(
                states_of(valkey_url),
                keep,
                log,
                lambda entry: server.xdel(KEYS.stream, entry),  # type: ignore[arg-type] # redis-py's types
                subscriptions,
                letters,
            )

    async def test_what_somebody_else_wrote_in_its_places_is_missing_and_takes_nothing_from_the_rest(
        self, store: Store, server: redis.Redis
    ) -> None:
        entry = store.keep(b"1")
        log = await store.opened()
        (held,) = await read(log, 1)
        server.hset(KEYS.interests, NAME, b'{"types": [7]}')
        server.hset(KEYS.places, NAME, b'{"at": "then"}')
        server.hset(KEYS.records(NAME), str(held.key), b"\xff")
        server.xadd(KEYS.outcomes(NAME), {"ended": b"nonsense"})
        found = store.state(entry)
        assert found.pending
        assert {text.partition(":")[0].partition(",")[0] for text in found.missing} == {
            "interest",
            "place",
            "record of attempts",
            "outcomes",
        }
        server.delete(KEYS.outcomes(NAME))
        server.set(KEYS.outcomes(NAME), "a string")
        assert any("WRONGTYPE" in text for text in store.state(entry).missing)

    async def test_an_outcomes_key_of_another_type_stops_no_acknowledgement(
        self, store: Store, server: redis.Redis
    ) -> None:
        store.keep(b"1")
        log = await store.opened()
        server.set(KEYS.outcomes(NAME), "a string")
        await log.acknowledge([end(one) for one in await read(log, 1)])
        assert (await log.measures()).pending == 0


def test_an_event_that_was_published_is_found_by_its_source_and_id(valkey_url: str, server: redis.Redis) -> None:
    with RedisBroker(valkey_url) as broker:
        publisher = RedisEventPublisher(broker, channel="main", stream=KEYS.stream, source="here")
        publisher.publish([DomainEvent(type="a.b", id="1"), DomainEvent(type="a.b", id="1", source="there")])
    entries: Any = server.xrange(KEYS.stream)
    states = states_of(valkey_url)
    found = [states.entry_of("1"), states.entry_of("1", "there"), states.entry_of("2"), states.entry_of("\n")]
    assert found == [entries[0][0].decode(), entries[1][0].decode(), None, None]


def test_a_server_that_is_away_is_an_error_of_the_port() -> None:
    with pytest.raises(DeliveryStatesError):
        states_of(f"redis://127.0.0.1:{free_port()}/0").state("s", "1-0")
