"""The pages of the worker: a socket costs what it is worth, and they answer in time whatever hangs."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import Popen

import httpx
import pytest
import redis

from tests.support import requesting
from tests.support.worker_process import Worker, run_to_its_end

HALF = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
Running = tuple[Worker, Popen[str]]


@pytest.fixture
def running(valkey_url: str, tmp_path: Path) -> Iterator[Running]:
    worker = Worker(valkey_url, tmp_path)
    with worker.running(log=tmp_path / "log") as process:
        yield worker, process


def threads(process: Popen[str]) -> int:
    return len(list(Path(f"/proc/{process.pid}/task").iterdir()))


def address(worker: Worker) -> tuple[str, int]:
    url = httpx.URL(worker.url)
    return url.host, url.port or 80


def test_half_sent_requests_to_the_worker_cost_no_thread_and_are_closed(running: Running) -> None:
    worker, process = running
    before = threads(process)
    connections = [socket.create_connection(address(worker), timeout=20) for _ in range(150)]
    for connection in connections:
        connection.sendall(HALF)
    assert worker.get("/health/live").status_code == 200
    assert threads(process) <= before + 2
    for connection in connections:
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")
        connection.close()


def test_the_worker_refuses_connections_beyond_a_limit(running: Running) -> None:
    worker, _ = running
    connections = [socket.create_connection(address(worker), timeout=20) for _ in range(210)]
    assert connections[-1].recv(100).startswith(b"HTTP/1.1 503 ")
    for connection in connections:
        connection.close()


def test_the_worker_says_within_three_seconds_that_redis_hangs(running: Running, valkey_url: str) -> None:
    worker, process = running
    pages = httpx.Client(base_url=worker.url, timeout=10, limits=httpx.Limits(max_connections=60))
    with redis.Redis.from_url(valkey_url) as client, pages, ThreadPoolExecutor(50) as pool:
        client.client_pause(4000)
        answers = [pool.submit(pages.get, "/health/ready") for _ in range(50)]
        assert worker.get("/health/live").status_code == 200
        assert [answer.result().status_code for answer in answers] == [503] * 50
        assert max(answer.result().elapsed.total_seconds() for answer in answers) < 3
        assert threads(process) < 60
    run_to_its_end(valkey_url)


def test_no_answer_of_the_worker_names_the_program_that_gives_it(running: Running) -> None:
    worker, _ = running
    for path in ("/health/live", "/health/ready", "/metrics", "/nowhere"):
        answer = worker.get(path)
        assert "server" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "python_info" not in answer.text
    assert requesting.post(f"{worker.url}/metrics").status_code == 405


def test_an_integration_whose_settings_are_wrong_is_named_by_readiness_and_takes_nothing_down(
    valkey_url: str, tmp_path: Path
) -> None:
    worker = Worker(valkey_url, tmp_path, QAPI_SLACK__TIMEOUT="0")
    with worker.running(log=tmp_path / "log"):
        assert worker.get("/health/ready").json() == {"status": "ok", "refused": ["slack-usergroups"]}
        assert 'qontract_packages_refused{group="qontract.integrations"' in worker.get("/metrics").text
        assert "QAPI_SLACK__TIMEOUT: Input should be greater than 0" in run_to_its_end(valkey_url).errors[0]
    assert "integration refused" in (tmp_path / "log").read_text()
