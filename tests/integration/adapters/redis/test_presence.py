"""The processes that show that they run, in a real Valkey, whatever else is written there."""

import json
import socket
import time
from typing import Any

import pytest
import redis

from qontract.adapters.redis import RedisPresence
from qontract.adapters.redis.keys import keys_of
from qontract.adapters.redis.presence import _MAX_PROCESSES, _MAX_RECORD_LENGTH
from qontract.application.ports.presence import PresenceError
from tests.contracts.presence import PresenceContract, Shown, a_process
from tests.support.processes import free_port

KEYS = keys_of("main")


@pytest.fixture
def server(valkey_url: str) -> redis.Redis:
    return redis.Redis.from_url(valkey_url)


@pytest.fixture
def presence(valkey_url: str) -> RedisPresence:
    return RedisPresence(valkey_url, channel="main")


class TestRedisPresence(PresenceContract):
    @pytest.fixture
    def shown(self, presence: RedisPresence, server: redis.Redis) -> Shown:
        def let_pass(seconds: float) -> None:
            names: Any = server.zrange(KEYS.processes_seen, 0, -1)
            for name in names:
                server.zincrby(KEYS.processes_seen, -1000 * seconds, name)

        return Shown(presence, let_pass)


def names(presence: RedisPresence) -> list[str]:
    return [seen.process.name for seen in presence.all()]


@pytest.mark.parametrize("value", [b"\xff", b"{}", b"[1]", b'{"process": {"name": "x"}, "ended": 1}', b"[" * 5000])
def test_a_record_that_cannot_be_read_takes_nothing_from_the_others(
    presence: RedisPresence, server: redis.Redis, value: bytes
) -> None:
    presence.show(a_process())
    server.hset(KEYS.processes, "odd", value)
    server.zadd(KEYS.processes_seen, {"odd": time.time() * 1000})
    assert names(presence) == ["ops-1-42-c0de"]


def test_a_record_that_is_too_long_or_of_another_or_of_the_future_is_passed_over(
    presence: RedisPresence, server: redis.Redis
) -> None:
    presence.show(a_process())
    record: Any = server.hget(KEYS.processes, "ops-1-42-c0de")
    server.hset(KEYS.processes, "long", record + b" " * _MAX_RECORD_LENGTH)
    server.hset(KEYS.processes, "another", record)
    server.zadd(KEYS.processes_seen, {"long": 1e15, "another": time.time() * 1000, "nobody": time.time() * 1000})
    presence.show(a_process("late"))
    server.zadd(KEYS.processes_seen, {"late": float("inf")})
    assert names(presence) == ["ops-1-42-c0de"]


@pytest.mark.parametrize("key", [KEYS.processes, KEYS.processes_seen])
def test_a_key_of_another_type_is_set_aside(presence: RedisPresence, server: redis.Redis, key: str) -> None:
    server.set(key, "a text")
    presence.show(a_process())
    assert names(presence) == ["ops-1-42-c0de"]
    assert server.get(KEYS.set_aside(key)) == b"a text"


def test_a_server_without_room_takes_it(presence: RedisPresence, server: redis.Redis) -> None:
    server.config_set("maxmemory", 1)
    try:
        presence.show(a_process())
        assert names(presence) == ["ops-1-42-c0de"]
    finally:
        server.config_set("maxmemory", 0)


def test_those_that_have_not_been_seen_for_long_and_those_beyond_the_bound_are_removed(
    presence: RedisPresence, server: redis.Redis
) -> None:
    now = time.time() * 1000
    server.zadd(KEYS.processes_seen, {f"many-{number}": now - 1e6 + number for number in range(_MAX_PROCESSES + 20)})
    server.hset(KEYS.processes, mapping={f"many-{number}": "x" for number in range(_MAX_PROCESSES + 20)})
    server.zadd(KEYS.processes_seen, {"old": 1.0})
    presence.show(a_process())
    assert server.zscore(KEYS.processes_seen, "old") is None
    assert server.zcard(KEYS.processes_seen) == server.hlen(KEYS.processes) == _MAX_PROCESSES
    assert 0 < int(str(server.ttl(KEYS.processes))) <= 86_400


def test_a_record_has_no_secret(presence: RedisPresence, server: redis.Redis) -> None:
    presence.show(a_process())
    raw: Any = server.hget(KEYS.processes, "ops-1-42-c0de")
    assert set(json.loads(raw)["process"]) == {
        *("kind", "name", "host", "pid", "version", "python", "started", "installed", "refused", "spool")
    }


def test_a_redis_that_is_away_or_hangs_is_an_error_of_the_port_within_its_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        for port in (hanging.getsockname()[1], free_port()):
            presence = RedisPresence(f"redis://:hush@127.0.0.1:{port}/0", channel="main", timeout=0.2)
            for ask in (presence.all, lambda presence=presence: presence.show(a_process())):
                began = time.monotonic()
                with pytest.raises(PresenceError) as raised:
                    ask()
                assert time.monotonic() - began < 2
                assert "hush" not in str(raised.value)
