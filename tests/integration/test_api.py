"""The API as a process of its own, on a real Valkey."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from qontract.entrypoints.tokens import issue_token

SECRET = "a-secret-of-at-least-thirty-two-bytes"
PATH = "/api/v1/integrations/slack-usergroups/reconcile"
DESIRED = {"workspaces": [{"name": "coreos", "usergroups": [{"handle": "team-a", "users": ["alice"]}]}]}
MODULE = ["-m", "qontract.entrypoints.api"]
UVICORN = ["-m", "uvicorn", "qontract.entrypoints.api:app", "--no-access-log", "--port"]


def _token() -> dict[str, str]:
    names = {"audience": "qontract-api", "issuer": "qontract"}
    return {"authorization": f"Bearer {issue_token(SECRET, 'test', ['reconcile:plan'], timedelta(minutes=5), **names)}"}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _until(condition: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=3).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def _api(
    valkey_url: str, log: Path, command: list[str] = MODULE
) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    port = _free_port()
    environment = os.environ | {
        "QAPI_CACHE_BROKER_URL": valkey_url,
        "QAPI_AUTH__SECRET": SECRET,
        "QAPI_API__HOST": "127.0.0.1",
        "QAPI_API__PORT": str(port),
    }
    arguments = [*command, str(port)] if command == UVICORN else command
    with (
        log.open("wb") as stderr,
        subprocess.Popen([sys.executable, *arguments], env=environment, stderr=stderr) as process,
    ):
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=_token(), timeout=10) as client:
                _until(lambda: process.poll() is not None or _answers(f"{client.base_url}health/ready"))
                yield client, process
        finally:
            process.kill()


def _ended(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(15)


@pytest.mark.parametrize("command", [MODULE, UVICORN], ids=["module", "uvicorn"])
def test_a_job_is_accepted_and_waits_for_a_worker(valkey_url, tmp_path, command):
    with _api(valkey_url, tmp_path / "log", command) as (client, process):
        accepted = client.post(PATH, json=DESIRED)
        assert accepted.status_code == 202
        status_url = accepted.headers["location"]
        assert client.get(status_url).json()["status"] == "pending"
        assert client.get(status_url, params={"timeout": 0.1}).status_code == 408
        assert client.get(f"{PATH}/00000000-0000-0000-0000-000000000000").status_code == 404
        assert _ended(process) in {0, -signal.SIGTERM}


def test_each_request_is_one_line_of_json_with_its_correlation_id(valkey_url, tmp_path):
    with _api(valkey_url, tmp_path / "log") as (client, process):
        response = client.post(f"{PATH}?token=hunter2", json=DESIRED, headers={"X-Request-ID": "ci-run-7"})
        assert response.headers["x-correlation-id"] == "ci-run-7"
        assert "server" not in response.headers
        _ended(process)
    text = (tmp_path / "log").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    told = [line for line in lines if line.get("correlation_id") == "ci-run-7"]
    assert [(line["event"], line.get("status")) for line in told] == [("accepted", None), ("request", 202)]
    assert all(secret not in text for secret in ("hunter2", SECRET, client.headers["authorization"][7:]))


def test_without_valkey_it_lives_and_is_not_ready(valkey_url, tmp_path):
    with _api(valkey_url, tmp_path / "log") as (client, _):
        assert client.get("/health/ready").status_code == 200
    nowhere = f"redis://:hunter2@127.0.0.1:{_free_port()}/0"
    with _api_that_only_lives(nowhere, tmp_path / "log") as client:
        assert client.get("/health/ready").status_code == 503
        answer = client.post(PATH, json=DESIRED)
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert "hunter2" not in (tmp_path / "log").read_text()


@contextmanager
def _api_that_only_lives(valkey_url: str, log: Path) -> Iterator[httpx.Client]:
    port = _free_port()
    environment = os.environ | {
        "QAPI_CACHE_BROKER_URL": valkey_url,
        "QAPI_AUTH__SECRET": SECRET,
        "QAPI_API__HOST": "127.0.0.1",
        "QAPI_API__PORT": str(port),
    }
    with (
        log.open("wb") as stderr,
        subprocess.Popen([sys.executable, *MODULE], env=environment, stderr=stderr) as process,
    ):
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=_token(), timeout=30) as client:
                _until(lambda: _answers(f"{client.base_url}health/live"))
                yield client
        finally:
            process.kill()
