"""A socket costs what it is worth: half-sent requests, too many connections, requests with two lengths."""

import json
import resource
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from subprocess import Popen

import httpx
import pytest

from tests.support import requesting
from tests.support.api_process import PATH, ended, running_api, token
from tests.support.waiting import until

HEAD = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
POST = b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
AUTHORIZED = POST + b"Authorization: " + token()["authorization"].encode() + b"\r\n"
Api = tuple[httpx.Client, Popen[str]]
QUICK = {"QAPI_API__HEAD_SECONDS": "0.5", "QAPI_API__BODY_SECONDS": "1", "QAPI_API__CONNECTIONS": "60"}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def api(valkey_url: str, log: Path) -> Iterator[Api]:
    with running_api(valkey_url, log, **QUICK) as running:
        yield running


class Connect:
    """Connects to the API, as often as a test wants, and closes all of it at the end."""

    def __init__(self) -> None:
        self.made: list[socket.socket] = []

    def __call__(self, client: httpx.Client, content: bytes = b"") -> socket.socket:
        address = client.base_url.host, client.base_url.port or 80
        self.made.append(socket.create_connection(address, timeout=20))
        self.made[-1].sendall(content)
        return self.made[-1]


@pytest.fixture
def connected() -> Iterator[Connect]:
    connect = Connect()
    yield connect
    for connection in connect.made:
        connection.close()


def received(connection: socket.socket) -> bytes:
    """Return all that comes until the connection is closed."""
    content = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            content += piece
    return content


def lines(log: Path) -> list[str]:
    return [json.loads(line)["event"] for line in log.read_text().splitlines()]


def test_half_sent_requests_are_closed_and_meanwhile_others_are_answered(
    api: Api, connected: Connect, log: Path
) -> None:
    client, running = api
    connections = [connected(client) for _ in range(50)]
    for connection in connections[1:]:
        connection.sendall(HEAD)  # of one, nothing comes
    started = time.monotonic()
    assert client.get("/health/live").status_code == 200
    answers = [received(connection) for connection in connections]
    assert time.monotonic() - started < 5
    assert all(answer.startswith(b"HTTP/1.1 408 ") and b"nosniff" in answer for answer in answers)
    ended(running)
    assert lines(log).count("connection closed, for its request did not come in time") == 1


def test_a_head_that_comes_byte_by_byte_gets_no_more_time(api: Api, connected: Connect) -> None:
    connection = connected(api[0])
    started = time.monotonic()
    connection.settimeout(0.05)
    answer = b""
    while not answer and time.monotonic() - started < 10:
        connection.sendall(b"x")
        with suppress(TimeoutError):
            answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert 0.4 < time.monotonic() - started < 3


def test_a_body_that_does_not_come_is_not_waited_for(api: Api, connected: Connect) -> None:
    for head in (AUTHORIZED, POST):  # of the second, the answer is there before the body
        connection = connected(api[0])
        connection.sendall(head + b"Content-Length: 100\r\n\r\n{")
        started = time.monotonic()
        answer = received(connection)
        assert answer.startswith(b"HTTP/1.1 408 " if head == AUTHORIZED else b"HTTP/1.1 401 ")
        assert time.monotonic() - started < 7


def test_a_second_request_on_a_connection_has_its_own_time(api: Api, connected: Connect) -> None:
    connection = connected(api[0])
    for _ in range(3):
        connection.sendall(HEAD)
        time.sleep(0.3)
        connection.sendall(b"\r\n")
        answer = b""
        while not answer.endswith(b'{"status":"ok"}'):
            answer += connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 ")


def test_connections_beyond_the_limit_are_refused_until_there_is_room(api: Api, connected: Connect, log: Path) -> None:
    client, running = api
    connections = [connected(client) for _ in range(90)]
    answers = [received(connection) for connection in connections]
    assert {answer[:13] for answer in answers} == {b"HTTP/1.1 503 ", b"HTTP/1.1 408 "}
    assert sum(answer.startswith(b"HTTP/1.1 408 ") for answer in answers) <= 60
    assert requesting.get(client.base_url.join("/health/live")).status_code == 200
    ended(running)
    assert lines(log).count("connection refused, for there are too many") == 1


def test_when_there_are_no_descriptors_left_the_log_has_a_few_lines_and_the_api_comes_back(
    valkey_url: str, log: Path, connected: Connect
) -> None:
    with running_api(valkey_url, log, QAPI_API__HEAD_SECONDS="0.5") as (client, running):
        resource.prlimit(running.pid, resource.RLIMIT_NOFILE, (60, 60))
        connections = [connected(client) for _ in range(300)]
        time.sleep(2)  # for as long, asyncio tries again and again
        for connection in connections:
            connection.close()
        until(lambda: _lives(client))
        ended(running)
    assert lines(log).count("socket.accept() out of system resource") <= 2
    assert len(lines(log)) < 100


def _lives(client: httpx.Client) -> bool:
    try:
        return requesting.get(client.base_url.join("/health/live"), timeout=5).is_success
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize("length", [b"4", b"0"])
def test_a_request_with_two_lengths_is_refused_and_what_follows_is_no_request(
    api: Api, connected: Connect, length: bytes
) -> None:
    connection = connected(api[0])
    chunked = b"Content-Length: " + length + b"\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    connection.sendall(AUTHORIZED + chunked + HEAD + b"\r\n")
    answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"one length" in answer


def test_no_answer_names_the_program_that_gives_it_and_all_have_the_headers(api: Api, connected: Connect) -> None:
    client, _ = api
    answers = [
        received(connected(client, b"nonsense\r\n\r\n")),
        received(connected(client, HEAD + b"Connection: close\r\n\r\n")),
    ]
    for answer in answers:
        head = answer.partition(b"\r\n\r\n")[0].lower()
        assert b"\r\nserver:" not in head
        assert b"x-content-type-options: nosniff" in head
        assert b"frame-ancestors 'none'" in head


def test_four_bodies_of_a_million_unknown_names_at_once_let_health_be_answered_within_a_second(
    valkey_url: str, log: Path
) -> None:
    body = ("{" + ",".join(f'"{number:06x}":1' for number in range(900_000)) + "}").encode()
    with running_api(valkey_url, log) as (client, running), ThreadPoolExecutor(4) as pool:
        headers = token() | {"content-type": "application/json"}
        url = client.base_url.join(PATH)
        posts = [pool.submit(requesting.post, url, content=body, headers=headers, timeout=60) for _ in range(4)]
        worst = 0.0
        while not all(post.done() for post in posts):
            started = time.monotonic()
            assert client.get("/health/live").status_code == 200
            worst = max(worst, time.monotonic() - started)
        assert [post.result().status_code for post in posts] == [422] * 4
        assert worst < 1
        assert peak_mebibytes(running) < 400


def peak_mebibytes(running: subprocess.Popen[str]) -> int:
    [line] = [line for line in Path(f"/proc/{running.pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024
