"""The events are in a Redis Cluster of three nodes, and the URL names the two that have none of our keys."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from qontract.adapters.cloudevents import Event
from qontract.adapters.redis import RedisBroker, RedisReplicationHistory, RedisServerCheck
from qontract.adapters.redis.acl import AclUser
from tests.support.certificates import certified
from tests.support.cluster import SLOT, Cluster, cluster
from tests.support.commands import run
from tests.support.failover import at
from tests.support.subscriber_process import Site
from tests.support.waiting import until

STREAM = "qontract:{main}:events"
NAMES: Any = {"channel": "main", "stream": STREAM}


@pytest.fixture(scope="module")
def three() -> Iterator[Cluster]:
    with cluster() as found:
        yield found


@pytest.mark.timeout(120)
def test_events_are_published_delivered_dead_lettered_and_redriven_and_follow_the_slot_when_it_moves(
    three: Cluster, tmp_path: Path
) -> None:
    settings = {"QAPI_EVENTS__URL": three.url, "QAPI_EVENTS__SPOOL": str(tmp_path / "spool")}
    site = Site(tmp_path, settings)
    handlers = {"ordered": "Ordered", "shared": "Shared", "rejecting": "Rejecting"}
    site.install("acme", **{name: f"tests.support.troublesome:{handler}" for name, handler in handlers.items()})

    def letters() -> list[Any]:
        done = run("dead-letters", "list", "--json", **settings)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    with RedisBroker(three.url) as broker, site.subscriber() as subscriber:

        def published(subject: str) -> None:
            broker.publish(Event(source="test", type="com.example.happened", subject=subject, data={}), **NAMES)
            until(lambda: site.notes().count(f"{subject} 1") == 2)  # by the ordered one, and by the shared one

        published("before")
        [letter] = until(letters)
        site.go()
        three.move()
        assert run("dead-letters", "redrive", letter["id"], **settings).returncode == 0
        until(lambda: "before taken" in site.notes())
        published("after")
        until(lambda: "after taken" in site.notes())
        until(lambda: subscriber.ready()[0] == httpx.codes.OK)
        assert letters() == []
        assert json.loads(run("status", "--json", **settings).stdout)["redis"]["primary"]
    with at(three.owner) as node:
        assert node.xlen(STREAM) >= 2
        assert node.execute_command("CLUSTER", "COUNTKEYSINSLOT", SLOT) > 0


def test_a_node_that_is_named_as_a_single_server_is_refused_with_the_url_to_write(three: Cluster) -> None:
    [url] = {f"redis://127.0.0.1:{port}" for port in three.ports[1:2]}
    state = RedisServerCheck(url, AclUser.SUBSCRIBER, **NAMES, writes=False).state()
    assert state.refused == "Redis is a node of a cluster: for the events, write redis+cluster://"
    assert not any(RedisServerCheck(three.url, AclUser.API, **NAMES, writes=True).state()[:2])


def test_the_history_of_the_events_is_that_of_the_node_that_has_them(three: Cluster) -> None:
    with RedisBroker(three.url) as broker, at(three.owner) as node:
        history = RedisReplicationHistory(broker, channel="main")
        first, second = history.read(), history.read()
        assert second.continues(first)
        assert second.run_id == node.info("server")["run_id"]


@pytest.mark.timeout(120)
def test_events_are_published_and_delivered_over_tls_and_a_certificate_that_nobody_knows_is_refused(
    tmp_path: Path,
) -> None:
    known, context = certified(tmp_path)
    with cluster(context) as secured, ExitStack() as stack:
        url = f"{secured.url}?ssl_ca_certs={known}"
        settings = {"QAPI_EVENTS__URL": url, "QAPI_EVENTS__SPOOL": str(tmp_path / "spool")}
        site = Site(tmp_path, settings)
        site.install("acme", ordered="tests.support.troublesome:Ordered")
        subscriber, broker = stack.enter_context(site.subscriber()), stack.enter_context(RedisBroker(url))
        broker.publish(Event(source="test", type="com.example.happened", subject="here", data={}), **NAMES)
        until(lambda: "here 1" in site.notes())
        until(lambda: subscriber.ready()[0] == httpx.codes.OK)
        assert json.loads(run("status", "--json", **settings).stdout)["redis"]["primary"]
        assert not any(RedisServerCheck(url, AclUser.SUBSCRIBER, **NAMES, writes=True).state()[:2])
        failing = RedisServerCheck(secured.url, AclUser.SUBSCRIBER, **NAMES, writes=True).state().failing
        assert "CERTIFICATE_VERIFY_FAILED" in failing
