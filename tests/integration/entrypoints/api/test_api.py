"""The API as a process of its own, on a real Valkey."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import redis

from qontract.entrypoints.tokens import issue_token
from tests.support import requesting
from tests.support.forked import Forked
from tests.support.processes import free_port
from tests.support.waiting import until

SECRET = "a-secret-of-at-least-thirty-two-bytes"
PATH = "/api/v1/integrations/slack-usergroups/reconcile"
DESIRED = {"workspaces": [{"name": "coreos", "usergroups": [{"handle": "team-a", "users": ["alice"]}]}]}
MODULE = ["-m", "qontract.entrypoints.api"]
UVICORN = ["-m", "uvicorn", "qontract.entrypoints.api:app", "--no-access-log", "--port"]


def _token() -> dict[str, str]:
    names = {"audience": "qontract-api", "issuer": "qontract"}
    return {"authorization": f"Bearer {issue_token(SECRET, 'test', ['reconcile:plan'], timedelta(days=1), **names)}"}


@contextmanager
def _api(
    valkey_url: str, log: Path, command: list[str] = MODULE, up: str = "/health/ready"
) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    port = free_port()
    environment = os.environ | {
        "QAPI_CACHE_BROKER_URL": valkey_url,
        "QAPI_AUTH__SECRET": SECRET,
        "QAPI_API__HOST": "127.0.0.1",
        "QAPI_API__PORT": str(port),
    }
    arguments = [*command, *([str(port)] if command == UVICORN else [])]
    with log.open("wb") as stderr, Forked(arguments, env=environment, stderr=stderr) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=_token(), timeout=30) as client:
                _until(lambda: _answers(str(client.base_url.join(up))), process)
                yield client, process
        finally:
            process.kill()


def _until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    def is_so() -> bool:
        assert process.poll() is None
        return condition()

    until(is_so)


def _answers(url: str) -> bool:
    try:
        return requesting.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False


def _ended(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(15)


@pytest.mark.parametrize("command", [MODULE, UVICORN], ids=["module", "uvicorn"])
def test_a_job_is_accepted_and_waits_for_a_worker(valkey_url: str, tmp_path: Path, command: list[str]) -> None:
    with _api(valkey_url, tmp_path / "log", command) as (client, process):
        accepted = client.post(PATH, json=DESIRED)
        assert accepted.status_code == 202
        status_url = accepted.headers["location"]
        assert client.get(status_url).json()["status"] == "pending"
        assert client.get(status_url, params={"timeout": 0.1}).status_code == 408
        assert client.get(f"{PATH}/00000000-0000-0000-0000-000000000000").status_code == 404
        assert _ended(process) in {0, -signal.SIGTERM}
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_each_request_is_one_line_of_json_with_its_correlation_id(valkey_url: str, tmp_path: Path) -> None:
    with _api(valkey_url, tmp_path / "log") as (client, process):
        response = client.post(f"{PATH}?token=hunter2", json=DESIRED, headers={"X-Request-ID": "ci-run-7"})
        assert response.headers["x-correlation-id"] == "ci-run-7"
        assert "server" not in response.headers
        _ended(process)
    text = (tmp_path / "log").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    told = [line for line in lines if line.get("correlation_id") == "ci-run-7"]
    assert [(line["event"], line.get("status")) for line in told] == [("job accepted", None), ("request ended", 202)]
    assert all(secret not in text for secret in ("hunter2", SECRET, client.headers["authorization"][7:]))


def test_without_valkey_it_lives_but_accepts_nothing(tmp_path: Path) -> None:
    nowhere = f"redis://:hunter2@127.0.0.1:{free_port()}/0"
    with _api(nowhere, tmp_path / "log", up="/health/live") as (client, _):
        assert client.get("/health/ready").status_code == 503
        answer = client.post(PATH, json=DESIRED)
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert "hunter2" not in (tmp_path / "log").read_text()


def test_who_waits_for_a_job_is_answered_when_it_ends(valkey_url: str, tmp_path: Path) -> None:
    with _api(valkey_url, tmp_path / "log") as (client, process), ThreadPoolExecutor() as pool:
        status_url = client.post(PATH, json=DESIRED).json()["status_url"]
        looked_up = _lookups(valkey_url)
        waiting = pool.submit(client.get, status_url, params={"timeout": 300})
        _until(lambda: _lookups(valkey_url) >= looked_up + 3, process)
        started = time.monotonic()
        assert _ended(process) == 0
        assert time.monotonic() - started < 4
        assert waiting.result().status_code == 408
    assert "Traceback" not in (tmp_path / "log").read_text()


def _lookups(valkey_url: str) -> int:
    with redis.Redis.from_url(valkey_url) as valkey:
        return int(valkey.info("commandstats").get("cmdstat_hmget", {}).get("calls", 0))


@pytest.mark.parametrize("command", [MODULE, [*UVICORN, "0"]], ids=["module", "uvicorn"])
@pytest.mark.parametrize("secret", [None, "too short"])
def test_it_does_not_start_without_a_secret(command: list[str], secret: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QAPI_")}
    environment |= {"QAPI_AUTH__SECRET": secret} if secret else {}
    ended = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("qontract: QAPI_AUTH__SECRET: ")
    assert "32 bytes" in line
    assert "too short" not in line


def test_bytes_that_are_no_request_make_no_error_of_the_server(valkey_url: str, tmp_path: Path) -> None:
    requests = [
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /%00%ff%ed%a0%80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET " + PATH.encode() + b"/1?timeout=%ff\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: \xff\x00\r\n\r\n",
        b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n{}",
        b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /docs HTTP/1.1\r\nHost: \xe9[\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: [\r\nContent-Length: 2\r\n"
        b"Content-Type: application/json\r\nAuthorization: " + _token()["authorization"].encode() + b"\r\n\r\n{}",
    ]
    with _api(valkey_url, tmp_path / "log") as (client, _):
        for request in requests:
            with socket.create_connection((client.base_url.host, client.base_url.port), timeout=10) as connection:
                connection.sendall(request)
                status = connection.recv(100).split(b" ")[1]
            assert status.startswith(b"4") or request.startswith(b"GET /docs"), request
        assert client.get("/health/ready").status_code == 200
    assert "request failed" not in (tmp_path / "log").read_text()
