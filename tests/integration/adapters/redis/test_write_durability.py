"""Events that have to be on a replica: on a primary and a replica, with an event manager as a worker has it."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import pytest
from prometheus_client import REGISTRY

from qontract.adapters.redis import RedisBroker, RedisEventPublisher, RedisIntents
from qontract.adapters.redis.write_durability import NotDurableError, WriteDurability
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.application.ports.intents import IntentsError
from tests.support.failover import (
    Pair,
    act,
    an_event,
    at,
    behind_a_name,
    flushed,
    kept,
    manager,
    pair,
    synced,
    waiting,
)
from tests.support.waiting import until

STREAM = "qontract:{main}:events"


@pytest.fixture
def servers() -> Iterator[Pair]:
    with pair() as servers:
        yield servers


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def part(servers: Pair) -> None:
    """Take the replica from its primary."""
    with at(servers.replica) as replica, at(servers.primary) as primary:
        replica.replicaof("NO", "ONE")
        until(lambda: primary.info("replication")["connected_slaves"] == 0)


@contextmanager
def stopped(port: int) -> Iterator[None]:
    """Let a server stand still: its connections stay."""
    with at(port) as client:
        pid = client.info("server")["process_id"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def missing() -> bool:
    return bool(REGISTRY.get_sample_value("qontract_replicas_missing"))


def test_an_event_is_on_the_replica_when_it_counts_as_published(
    servers: Pair, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = manager(servers.primary, spool, monkeypatch, replicas=1)
    for number in range(20):
        act(events, range(number, number + 1))
        assert kept(servers.replica)[-1] == number
    assert (waiting(spool), missing()) == ([], False)


def test_while_the_replica_is_away_events_are_published_at_once_and_spooled_and_it_has_them_when_it_is_back(
    servers: Pair, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = manager(servers.primary, spool, monkeypatch, replicas=1)
    part(servers)
    begun = perf_counter()
    act(events, range(30))
    assert perf_counter() - begun < 20  # and not a second for each event, and for each intent
    assert kept(servers.primary) == waiting(spool) == list(range(30))
    assert (missing(), events.pending(), events.behind) == (True, {}, False)
    with pytest.raises(EventPublisherError, match="on 0 of 1 replicas"):
        events.flush()
    with at(servers.replica) as replica:
        replica.replicaof("127.0.0.1", str(servers.primary))
        until(lambda: synced(replica))
    until(lambda: flushed(events))
    assert waiting(spool) == []
    act(events, range(30, 31))
    assert kept(servers.primary) == kept(servers.replica) == list(range(31))
    assert not missing()


def test_a_replica_that_stands_still_does_not_count_for_an_event_that_the_primary_knows_already(servers: Pair) -> None:
    event, url = an_event(0), f"redis://127.0.0.1:{servers.primary}/0"
    with stopped(servers.replica):
        for _ in range(2):  # each on a connection that has written nothing yet
            with RedisBroker(url, durability=WriteDurability(1, 0.05)) as broker:
                publisher = RedisEventPublisher(broker, channel="main", stream=STREAM, source="/here")
                with pytest.raises(EventPublisherError) as raised:
                    publisher.publish([event])
                assert raised.value.unreplicated
    assert kept(servers.primary) == [0]


def test_an_intent_that_the_replica_lacks_is_an_error_that_says_so_and_is_recorded(servers: Pair) -> None:
    url = f"redis://127.0.0.1:{servers.primary}/0"
    part(servers)
    with RedisBroker(url, pause=60, durability=WriteDurability(1, 0.05)) as broker:
        intents, event = RedisIntents(broker, channel="main", source="/here"), an_event(0)
        for _ in range(2):  # and the breaker stays closed
            with pytest.raises(IntentsError) as raised:
                intents.record("scope", event)
            assert raised.value.unreplicated
        assert list(intents.pending()) == ["scope"]
        with pytest.raises(NotDurableError, match="on 0 of 1 replicas"):
            broker.write("SET", "key", "value")


@pytest.mark.parametrize(("replicas", "lost"), [(0, 10), (1, 0)])
def test_when_process_and_primary_end_together_nothing_is_lost_if_a_replica_has_to_have_each_event(
    spool: Path, monkeypatch: pytest.MonkeyPatch, replicas: int, lost: int
) -> None:
    with behind_a_name() as (servers, name):
        events = manager(name.port, spool, monkeypatch, replicas=replicas)
        act(events, range(10))
        until(lambda: kept(servers.replica) == list(range(10)))
        part(servers)  # it is behind from here on
        act(events, range(10, 20))
        del events  # and what it remembers
        name.move(servers.replica)
        flushed(manager(name.port, spool, monkeypatch, replicas=replicas))
        assert kept(servers.replica) == list(range(20 - lost))
