"""What INFO says of a server, of a real Valkey and of others."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from qontract.adapters.redis import RedisServerInfo
from qontract.adapters.redis.server_info import server_view
from qontract.application.ports.server_info import ServerInfo, ServerInfoError
from qontract.domain.server_health import ServerReplica
from tests.contracts.server_info import ServerInfoContract
from tests.support.processes import free_port

INFO: dict[str, Any] = {"redis_version": "7.0.15", "aof_enabled": 1, "maxmemory_policy": "noeviction"}


class TestRedisServerInfo(ServerInfoContract):
    @pytest.fixture
    def server(self, valkey_url: str) -> Iterator[ServerInfo]:
        with redis.Redis.from_url(valkey_url) as client:
            client.config_set("appendonly", "yes")
            yield RedisServerInfo(valkey_url)
            client.config_set("appendonly", "no")


def test_a_real_server_says_its_memory_its_policy_and_what_it_keeps_on_disk(valkey_url: str) -> None:
    with redis.Redis.from_url(valkey_url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", 500_000_000)
        try:
            view = RedisServerInfo(valkey_url).read()
        finally:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", 0)
    assert (view.append_only, view.eviction, view.max_bytes) == (False, "allkeys-lru", 500_000_000)
    assert view.software in {"Valkey", "Redis"}
    assert view.used_bytes > 100_000


def test_a_replica_and_its_lag_are_read_from_the_primary() -> None:
    slaves = {
        "slave0": {"ip": "10.0.0.2", "port": 6379, "state": "online", "offset": 9, "lag": 1},
        "slave1": {"ip": "10.0.0.3", "port": 6379, "state": "wait_bgsave", "offset": 0, "lag": 80},
    }
    view = server_view(INFO | {"role": "master"} | slaves, "here", now=(100, 0))
    assert view.replicas == (
        ServerReplica("10.0.0.2:6379", in_step=True, lag_seconds=1),
        ServerReplica("10.0.0.3:6379", in_step=False, lag_seconds=80),
    )
    assert view.primary
    assert not server_view(INFO | {"role": "slave"}, "here", now=(100, 0)).primary


def test_a_server_that_answers_nothing_but_info_is_read_all_the_same() -> None:
    refused = redis.ResponseError("LOADING")
    view = server_view(INFO | {"loading": 1}, "here", now=refused)
    assert view.loading
    assert view.saved_seconds is None


@pytest.mark.parametrize("odd", [None, "much", float("nan"), float("inf"), [], {}, -5], ids=repr)
def test_odd_numbers_are_none(odd: Any) -> None:
    names = ("used_memory", "maxmemory", "rdb_last_save_time", "aof_enabled", "loading", "slave0", "redis_version")
    server_view(dict.fromkeys(names, odd), "here", now=(100, 0))


def test_a_server_that_is_away_is_an_error_that_says_where_and_has_no_password() -> None:
    port = free_port()
    began = time.monotonic()
    with pytest.raises(
        ServerInfoError, match=f"^127.0.0.1:{port} refused or did not answer: ConnectionError"
    ) as raised:
        RedisServerInfo(f"redis://:hush@127.0.0.1:{port}/0").read()
    assert time.monotonic() - began < 2.5
    assert "hush" not in str(raised.value)
