"""The subscriptions in a real Valkey, as somebody looks at them."""

import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import pytest
import redis
from redis.asyncio import Redis

from qontract.adapters.redis import RedisSubscriptions
from qontract.adapters.redis.stream.retention import show_alive
from qontract.adapters.redis.wrong_type_keys import set_wrong_keys_aside
from qontract.application.ports.event_log import EventLog
from qontract.application.ports.subscriptions import BusyError, Subscriptions, SubscriptionsError
from qontract.domain.subscriptions import ALIVE_SECONDS, State, state_of
from tests.contracts.subscriptions import NOON, SECOND, Store, SubscriptionsContract, read
from tests.support.processes import free_port
from tests.support.redis_event_log import KEYS, a_log


@pytest.fixture
def server(valkey_url: str) -> redis.Redis:
    return redis.Redis.from_url(valkey_url)


@pytest.fixture
async def store(valkey_url: str, server: redis.Redis) -> AsyncIterator[Store]:
    subscriptions = RedisSubscriptions(valkey_url, channel="main", stream=KEYS.stream)
    async with Redis.from_url(valkey_url) as client:

        def keep(content: bytes, at: datetime) -> str:
            entry: Any = server.xadd(KEYS.stream, {"__data__": content}, id=f"{int(at.timestamp() * 1000)}-*")
            return str(entry.decode())

        def log(name: str, shared: bool) -> EventLog:
            subscriptions._alive_seconds = ALIVE_SECONDS
            return a_log(client, shared=shared, subscription=name)

        def silence(_: str) -> None:
            subscriptions._alive_seconds = -1  # as if as many seconds had passed

        yield Store(subscriptions, keep, log, lambda name, content: redriven(server, name, content), silence)


def redriven(server: redis.Redis, name: str, content: bytes) -> None:
    server.xadd(KEYS.redriven(name), {"__data__": content})


class TestRedisSubscriptions(SubscriptionsContract):
    @pytest.fixture
    def store(self, store: Store) -> Store:
        return store


def known(server: redis.Redis) -> set[str]:
    """Return the keys that hold something of the subscription `s`."""
    keys: Any = server.keys("*")
    return {key.decode().removeprefix(KEYS.prefix) for key in keys}


@pytest.mark.anyio
async def test_removing_leaves_no_key_of_it(store: Store, server: redis.Redis) -> None:
    store.keep_some(3)
    log = await store.led()
    store.redrive("s", b"again")
    await log.record(await read(log, 4))
    async with Redis.from_url(f"{_url(server)}") as client:
        await show_alive(client, KEYS, "s")
    store.subscriptions.pause("s", "me")
    await store.left(log)
    assert store.subscriptions.remove("s")
    assert known(server) == {"events"}
    groups: Any = server.xinfo_groups(KEYS.stream)
    assert groups == []


@pytest.mark.anyio
async def test_who_shows_life_runs_it_though_none_reads(store: Store, server: redis.Redis, valkey_url: str) -> None:
    await store.at(0)
    store.log("s", False)
    async with Redis.from_url(valkey_url) as client:
        await show_alive(client, KEYS, "s")
    view = store.subscriptions.get("s")
    assert view
    assert view.alive_seconds is not None
    assert (view.is_read, view.is_run, state_of(view, 99)[0]) == (False, True, State.STANDING_BY)
    with pytest.raises(BusyError, match="a replica runs it"):
        store.subscriptions.seek("s", "end")
    with pytest.raises(BusyError, match="a replica runs it"):
        store.subscriptions.remove("s")
    server.hset(KEYS.alive, "s", int(time.time()) - 100)
    assert store.subscriptions.seek("s", "end")
    view = store.subscriptions.get("s")
    assert view
    assert state_of(view, 99)[0] == State.ABANDONED
    assert state_of(view, 999)[0] == State.NO_REPLICA


@pytest.mark.anyio
async def test_one_that_has_lost_its_group_is_shown_and_can_be_removed(store: Store, server: redis.Redis) -> None:
    server.hset(KEYS.alive, "s", int(time.time()) - 100)
    [view] = store.subscriptions.all()
    assert (view.name, view.made, view.is_run) == ("s", False, False)
    assert store.subscriptions.preview("s", "start") is None
    assert store.subscriptions.remove("s")
    assert store.subscriptions.all() == []


@pytest.mark.anyio
async def test_the_lag_is_known_after_a_seek_to_an_end_and_an_upper_bound_elsewhere(store: Store) -> None:
    store.keep_some(6)
    await store.at(4, acknowledged=4)
    lags = []
    for target in ("start", "end", NOON + 3 * SECOND):
        assert store.subscriptions.seek("s", target)
        view = store.subscriptions.get("s")
        assert view
        lags.append(view.lag)
    assert lags == [6, 0, 6]


@pytest.mark.anyio
async def test_a_preview_of_many_large_events_counts_in_steps_and_stops_at_its_bound(
    store: Store, server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.at(0)
    step = server.pipeline(transaction=False)
    for _ in range(40):
        step.xadd(KEYS.stream, {"__data__": b"x" * 500_000})
    step.execute()
    move = store.subscriptions.preview("s", "end")
    assert move
    assert (move.skipped, move.more) == (40, False)
    monkeypatch.setattr("qontract.adapters.redis.subscriptions._MAX_STEPS", 2)
    move = store.subscriptions.preview("s", "end")
    assert move
    assert 2 <= move.skipped < 40
    assert move.more


@pytest.mark.anyio
@pytest.mark.parametrize(
    "record",
    [b"", b"\xff", b"[]", b"{}", b'{"since": 7, "by": "x"}', b"[" * 100_000, b'{"since": "0001-01-01", "by": "x"}'],
)
async def test_a_pause_that_cannot_be_read_is_one_all_the_same(
    store: Store, server: redis.Redis, record: bytes
) -> None:
    await store.at(0)
    server.hset(KEYS.paused, "s", record)
    view = store.subscriptions.get("s")
    assert view
    assert view.paused
    assert store.subscriptions.resume("s")


@pytest.mark.anyio
async def test_what_is_odd_of_one_subscription_takes_nothing_from_the_others(store: Store, server: redis.Redis) -> None:
    await store.at(0)
    server.set(KEYS.records("s"), "x")
    server.set(KEYS.redriven("s"), "x")
    server.rpush(KEYS.lease("s"), "x")
    server.hset(KEYS.alive, "s", "yesterday")
    server.xgroup_create(KEYS.stream, b"\x1b[2J\xff", "0")
    names = [view.name for view in store.subscriptions.all()]
    assert names == ["\x1b[2J\\xff", "s"]
    view = store.subscriptions.get("s")
    assert view
    assert (view.failing, view.redriven, view.leader, view.alive_seconds) == (0, 0, "", None)


@pytest.mark.anyio
async def test_a_key_of_pauses_that_is_something_else_is_set_aside(server: redis.Redis, valkey_url: str) -> None:
    server.set(KEYS.paused, "x")
    async with Redis.from_url(valkey_url) as client:
        await set_wrong_keys_aside(client, KEYS, ("s",), max_lease=600)
    assert known(server) == {"set-aside:paused"}


@pytest.mark.anyio
async def test_of_very_many_some_are_shown(store: Store, server: redis.Redis) -> None:
    server.hset(KEYS.alive, mapping={f"s{number:04}": json.dumps(1) for number in range(1200)})
    assert len(store.subscriptions.all()) == 200


CALLS: list[Callable[[Subscriptions], object]] = [
    lambda subscriptions: subscriptions.all(),
    lambda subscriptions: subscriptions.get("s"),
    lambda subscriptions: subscriptions.pause("s", "me"),
    lambda subscriptions: subscriptions.resume("s"),
    lambda subscriptions: subscriptions.preview("s", NOON),
    lambda subscriptions: subscriptions.seek("s", NOON),
    lambda subscriptions: subscriptions.remove("s"),
]


@pytest.mark.parametrize("call", CALLS, ids=["all", "get", "pause", "resume", "preview", "seek", "remove"])
def test_a_redis_that_is_away_is_one_error_without_the_password(call: Callable[[Subscriptions], object]) -> None:
    url = f"redis://:hush@127.0.0.1:{free_port()}/0"
    with pytest.raises(SubscriptionsError, match="ConnectionError") as raised:
        call(RedisSubscriptions(url, channel="main", stream=KEYS.stream))
    assert "hush" not in str(raised.value)
    with pytest.raises(SubscriptionsError, match="QAPI_EVENTS__STREAM is empty"):
        call(RedisSubscriptions(url, channel="main", stream=""))


def _url(server: redis.Redis) -> str:
    about = server.get_connection_kwargs()
    return f"redis://{about['host']}:{about['port']}/0"
