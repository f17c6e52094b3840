"""A connection is closed when its server says that it is not the primary."""

from typing import Any

import pytest
import redis
from redis.exceptions import (
    AskError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)

from qontract.adapters.redis.connections import NotPrimaryError, async_client, client, failover_aware, pool
from qontract.domain.server_address import server_address

REFUSALS = [
    ReadOnlyError("You can't write against a read only replica."),
    BusyLoadingError("Redis is loading the dataset in memory"),
    MasterDownError("Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
    ClusterDownError("The cluster is down"),
    ResponseError("NOREPLICAS Not enough good replicas to write."),
    ResponseError("UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"),
    ResponseError("MASTERDOWN Link with MASTER is down"),
    ResponseError("Transaction contains write commands but instance is now a read-only replica. EXEC aborted."),
]
OTHERS = [ResponseError("WRONGTYPE it has another type"), ResponseError("OOM"), redis.TimeoutError("too late")]


class _Connection:
    def __init__(self, answer: Exception) -> None:
        self.answer = answer
        self.closed = False

    def read_response(self) -> Any:
        raise self.answer

    def disconnect(self) -> None:
        self.closed = True


def connection(answer: Exception) -> Any:
    return failover_aware(_Connection, server_address("redis://here"))(answer)


@pytest.mark.parametrize("answer", REFUSALS, ids=str)
def test_who_is_not_the_primary_is_left(answer: Exception) -> None:
    asked = connection(answer)
    with pytest.raises(NotPrimaryError, match="not the primary, or not yet"):
        asked.read_response()
    assert asked.closed


@pytest.mark.parametrize("answer", OTHERS, ids=str)
def test_any_other_error_leaves_the_connection_as_it_is(answer: Exception) -> None:
    asked = connection(answer)
    with pytest.raises(type(answer)):
        asked.read_response()
    assert not asked.closed


@pytest.mark.parametrize("answer", [MovedError("12 h2:7001"), AskError("12 h2:7001"), TryAgainError("later")], ids=repr)
def test_a_node_of_a_cluster_that_has_not_the_keys_is_left(answer: Exception) -> None:
    asked = failover_aware(_Connection, server_address("redis+cluster://h1"))(answer)
    with pytest.raises(NotPrimaryError):
        asked.read_response()
    assert asked.closed
    with pytest.raises(type(answer)):  # where nobody said that it is a cluster
        connection(answer).read_response()


class _Node(_Connection):
    """A connection to a node of a cluster; what it `tried` are the nodes that it was made to."""

    host, port = "", 0

    def __init__(self, answer: Exception) -> None:
        super().__init__(answer)
        self.tried: list[tuple[str, int]] = []

    def _connect(self) -> None:
        self.tried.append((self.host, self.port))
        if self.port == 7001:
            raise ConnectionRefusedError


def test_the_node_that_has_the_keys_is_asked_next_and_the_others_if_it_does_not_answer() -> None:
    asked: Any = failover_aware(_Node, server_address("redis+cluster://h1:1,h2:2"))(MovedError("12 h3:7001"))
    asked._connect()
    with pytest.raises(NotPrimaryError):
        asked.read_response()
    asked._connect()
    assert asked.tried == [("h1", 1), ("h3", 7001), ("h1", 1)]


def test_after_a_node_that_is_cut_off_from_the_others_each_of_those_is_asked() -> None:
    asked: Any = failover_aware(_Node, server_address("redis+cluster://h4:4,h5:5"))(MovedError("12 h6:6"))
    for answer in [asked.answer, *[ClusterDownError("The cluster is down")] * 3]:
        asked.answer = answer
        asked._connect()
        with pytest.raises(NotPrimaryError):
            asked.read_response()
    asked._connect()
    assert asked.tried == [("h4", 4), ("h6", 6), ("h4", 4), ("h5", 5), ("h4", 4)]


def test_the_error_says_it_if_no_sentinel_answers_and_has_no_password() -> None:
    url = "redis+sentinel://:hush@127.0.0.1:1,127.0.0.1:2/main?sentinel_password=hush"
    with pytest.raises(redis.ConnectionError, match=r"^no Sentinel says where main is; the last one: Conn") as failed:
        client(url, timeout=1).ping()
    assert "hush" not in str(failed.value)


@pytest.mark.parametrize(
    "url",
    [
        *("redis://h", "rediss://h", "unix:///s", "redis+sentinel://h/n", "rediss+sentinel://h/n"),
        *("redis+cluster://h", "rediss+cluster://h"),
    ],
)
def test_connections_of_each_form_notice_it(url: str) -> None:
    sync, asynchronous = pool(url, 1).connection_class, async_client(url, timeout=1).connection_pool.connection_class
    for kind in (sync, asynchronous):
        assert kind.__name__.startswith("Noticing")
        assert hasattr(kind, "_primary") == ("sentinel" in url)
