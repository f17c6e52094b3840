"""The processes that show that they run, in a real Valkey, whatever else is written there."""

import json
import socket
import time
from typing import Any

import pytest
import redis

from qontract.adapters.redis import RedisProcessRegistry
from qontract.adapters.redis.keys import keys_of
from qontract.adapters.redis.process_registry import _MAX_PROCESSES, _MAX_RECORD_LENGTH
from qontract.application.ports.process_registry import ProcessRegistryError
from tests.contracts.process_registry import ProcessRegistryContract, Shown, a_process
from tests.support.processes import free_port

KEYS = keys_of("main")


@pytest.fixture
def server(valkey_url: str) -> redis.Redis:
    return redis.Redis.from_url(valkey_url)


@pytest.fixture
def process_registry(valkey_url: str) -> RedisProcessRegistry:
    return RedisProcessRegistry(valkey_url, channel="main")


class TestRedisProcessRegistry(ProcessRegistryContract):
    @pytest.fixture
    def shown(self, process_registry: RedisProcessRegistry, server: redis.Redis) -> Shown:
        def let_pass(seconds: float) -> None:
            names: Any = server.zrange(KEYS.processes_seen, 0, -1)
            for name in names:
                server.zincrby(KEYS.processes_seen, -1000 * seconds, name)

        return Shown(process_registry, let_pass)


def names(process_registry: RedisProcessRegistry) -> list[str]:
    return [seen.process.name for seen in process_registry.all()]


@pytest.mark.parametrize("value", [b"\xff", b"{}", b"[1]", b'{"process": {"name": "x"}, "ended": 1}', b"[" * 5000])
def test_a_record_that_cannot_be_read_takes_nothing_from_the_others(
    process_registry: RedisProcessRegistry, server: redis.Redis, value: bytes
) -> None:
    process_registry.show(a_process())
    server.hset(KEYS.processes, "odd", value)
    server.zadd(KEYS.processes_seen, {"odd": time.time() * 1000})
    assert names(process_registry) == ["ops-1-42-c0de"]


def test_a_record_that_is_too_long_or_of_another_or_of_the_future_is_passed_over(
    process_registry: RedisProcessRegistry, server: redis.Redis
) -> None:
    process_registry.show(a_process())
    record: Any = server.hget(KEYS.processes, "ops-1-42-c0de")
    server.hset(KEYS.processes, "long", record + b" " * _MAX_RECORD_LENGTH)
    server.hset(KEYS.processes, "another", record)
    server.zadd(KEYS.processes_seen, {"long": 1e15, "another": time.time() * 1000, "nobody": time.time() * 1000})
    process_registry.show(a_process("late"))
    server.zadd(KEYS.processes_seen, {"late": float("inf")})
    assert names(process_registry) == ["ops-1-42-c0de"]


@pytest.mark.parametrize("key", [KEYS.processes, KEYS.processes_seen])
def test_a_key_of_another_type_is_set_aside(
    process_registry: RedisProcessRegistry, server: redis.Redis, key: str
) -> None:
    server.set(key, "a text")
    process_registry.show(a_process())
    assert names(process_registry) == ["ops-1-42-c0de"]
    assert server.get(KEYS.set_aside(key)) == b"a text"


def test_a_server_without_room_takes_it(process_registry: RedisProcessRegistry, server: redis.Redis) -> None:
    server.config_set("maxmemory", 1)
    try:
        process_registry.show(a_process())
        assert names(process_registry) == ["ops-1-42-c0de"]
    finally:
        server.config_set("maxmemory", 0)


def test_those_that_have_not_been_seen_for_long_and_those_beyond_the_bound_are_removed(
    process_registry: RedisProcessRegistry, server: redis.Redis
) -> None:
    now = time.time() * 1000
    server.zadd(KEYS.processes_seen, {f"many-{number}": now - 1e6 + number for number in range(_MAX_PROCESSES + 20)})
    server.hset(KEYS.processes, mapping={f"many-{number}": "x" for number in range(_MAX_PROCESSES + 20)})
    server.zadd(KEYS.processes_seen, {"old": 1.0})
    process_registry.show(a_process())
    assert server.zscore(KEYS.processes_seen, "old") is None
    assert server.zcard(KEYS.processes_seen) == server.hlen(KEYS.processes) == _MAX_PROCESSES
    assert 0 < int(str(server.ttl(KEYS.processes))) <= 86_400


def test_a_record_has_no_secret(process_registry: RedisProcessRegistry, server: redis.Redis) -> None:
    process_registry.show(a_process())
    raw: Any = server.hget(KEYS.processes, "ops-1-42-c0de")
    assert set(json.loads(raw)["process"]) == {
        *("kind", "name", "host", "pid", "version", "python", "started", "installed", "refused", "spool")
    }


def test_a_redis_that_is_away_or_hangs_is_an_error_of_the_port_within_its_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        for port in (hanging.getsockname()[1], free_port()):
            process_registry = RedisProcessRegistry(f"redis://:hush@127.0.0.1:{port}/0", channel="main", timeout=0.2)
            for ask in (
                process_registry.all,
                lambda process_registry=process_registry: process_registry.show(a_process()),
            ):
                began = time.monotonic()
                with pytest.raises(ProcessRegistryError) as raised:
                    ask()
                assert time.monotonic() - began < 2
                assert "hush" not in str(raised.value)
