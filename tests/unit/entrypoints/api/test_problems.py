import json
from collections.abc import AsyncIterator, Iterator, MutableMapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from qontract.adapters.memory import InMemoryJobQueue
from qontract.domain.jobs import Job
from tests.unit.entrypoints.api.conftest import (
    APPLIES,
    DESIRED,
    MAX_BODY_BYTES,
    PATH,
    PLANS,
    MakeApp,
    client_of,
    in_bytes,
)

pytestmark = pytest.mark.anyio

JSON = PLANS | {"content-type": "application/json"}

NOT_JSON = {
    "cut off": b'{"workspaces": [',
    "two values": b"{} {}",
    "a trailing comma": b'{"dry_run": true,}',
    "NaN": b'{"dry_run": NaN}',
    "infinity": b'{"dry_run": -Infinity}',
    "not UTF-8": b'{"workspaces": "\xff"}',
    "UTF-16": json.dumps(DESIRED).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a raw control character": b'{"workspaces": "\x00"}',
    "a name twice": b'{"dry_run": true, "dry_run": false}',
    "a name twice, deeper": b'{"workspaces": [{"name": "a", "name": "b", "usergroups": []}]}',
    "very deep": b"[" * 9000,
    "very deep objects": b'{"a":' * 3500,
    "deeper than any desired state": b'{"dry_run": ' + b"[" * 64 + b"]" * 64 + b"}",
    "a long number": b'{"dry_run": ' + b"9" * 9000 + b"}",
}
NOT_EXPECTED = {
    "an empty body": b"",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"workspaces"',
    "a big number": b"1e999",
    "no workspaces": b"{}",
    "an unknown field": json.dumps(DESIRED | {"token": "xoxb-secret"}).encode(),
    "an unknown field, deeper": b'{"workspaces": [{"name": "a", "usergroups": [], "token": "xoxb-secret"}]}',
    "a lone surrogate": b'{"workspaces": [{"name": "\\ud800", "usergroups": []}]}',
    "a lone surrogate in a field's name": b'{"workspaces": [{"\\ud800": 1, "name": "a", "usergroups": []}]}',
    "a lone surrogate in a user's name": (
        b'{"workspaces": [{"name": "a", "usergroups": [{"handle": "b", "users": ["\\udfff"]}]}]}'
    ),
    "a NUL": b'{"workspaces": [{"name": "a\\u0000", "usergroups": [{"handle": "b\\u0000", "users": []}]}]}',
    "a workspace twice": json.dumps({"workspaces": DESIRED["workspaces"] * 2}).encode(),
    "deep within a field": b'{"dry_run": ' + b"[" * 63 + b"]" * 63 + b"}",
}


def _is_a_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    problem: dict[str, Any] = response.json()
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert {"type", "title", "detail"} <= problem.keys()
    return problem


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
async def test_a_body_that_is_no_plain_json_answers_400(client: httpx.AsyncClient, body: bytes) -> None:
    _is_a_problem(await client.post(PATH, content=body, headers=JSON), 400)


@pytest.mark.parametrize("body", NOT_EXPECTED.values(), ids=NOT_EXPECTED.keys())
async def test_a_body_that_is_not_a_desired_state_answers_422(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post(PATH, content=body, headers=JSON)
    problem = _is_a_problem(response, 422)
    assert problem["errors"]
    assert all({"pointer", "msg"} == error.keys() for error in problem["errors"])
    assert "xoxb-secret" not in response.text


async def test_the_pointer_says_where_in_the_body_it_is(client: httpx.AsyncClient) -> None:
    body = {"workspaces": [{"name": "a", "usergroups": [], "x~y/z": 1}], "dry_run": "perhaps"}
    errors = (await client.post(PATH, json=body, headers=PLANS)).json()["errors"]
    assert {"/workspaces/0/x~0y~1z", "/dry_run"} <= {error["pointer"] for error in errors}
    assert "perhaps" not in json.dumps(errors)


async def test_of_a_misspelt_name_the_near_one_is_told_and_nothing_that_only_follows(client: httpx.AsyncClient) -> None:
    response = await client.post(PATH, json={"workspaces": [{"nam": "acme"}]}, headers=PLANS)
    told = {error["pointer"]: error["msg"] for error in _is_a_problem(response, 422)["errors"]}
    assert told == {
        "/workspaces/0/name": "Field required",
        "/workspaces/0/usergroups": "Field required",
        "/workspaces/0/nam": "Extra inputs are not permitted; did you mean name?",
    }


async def test_of_many_errors_the_first_are_told(client: httpx.AsyncClient) -> None:
    usergroups = [{"handle": "a", "users": [1] * 1000}]
    response = await client.post(PATH, json={"workspaces": [{"name": "a", "usergroups": usergroups}]}, headers=PLANS)
    assert 0 < len(_is_a_problem(response, 422)["errors"]) <= 20


async def test_the_name_of_a_long_field_is_cut(client: httpx.AsyncClient) -> None:
    response = await client.post(PATH, json={"x" * 10_000: 1}, headers=PLANS)
    assert len(response.content) < 1000


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/xml", "application/jsonp", "é", ";", "json"])
async def test_a_body_that_is_not_declared_as_json_answers_415(client: httpx.AsyncClient, content_type: str) -> None:
    headers = in_bytes(PLANS | {"content-type": content_type})
    _is_a_problem(await client.post(PATH, content=json.dumps(DESIRED), headers=headers), 415)


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", "application/json ;"])
async def test_json_may_be_declared_in_other_ways(client: httpx.AsyncClient, content_type: str) -> None:
    headers = PLANS | {"content-type": content_type}
    assert (await client.post(PATH, content=json.dumps(DESIRED), headers=headers)).status_code == 202


@pytest.mark.parametrize("path", ["/", "/nowhere", "/api/v1/integrations/none/reconcile", "/docs/", "//", "/%00%ff"])
async def test_a_path_that_is_none_answers_404(client: httpx.AsyncClient, path: str) -> None:
    _is_a_problem(await client.get(path), 404)


@pytest.mark.parametrize(("method", "path"), [("GET", PATH), ("DELETE", PATH), ("POST", "/docs"), ("BREW", "/metrics")])
async def test_a_method_that_is_none_answers_405_and_which_there_are(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    response = await client.request(method, path)
    _is_a_problem(response, 405)
    assert response.headers["allow"] in {"POST", "GET"}


async def test_a_body_that_is_declared_too_long_is_not_read(client: httpx.AsyncClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("read")
        yield b""

    headers = JSON | {"content-length": str(MAX_BODY_BYTES + 1)}
    for path in (PATH, "/nowhere"):
        _is_a_problem(await client.post(path, content=body(), headers=headers), 413)


async def test_a_body_of_unknown_length_is_read_up_to_the_limit(client: httpx.AsyncClient) -> None:
    sent: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        for _ in range(100):
            sent.append(b" " * 1000)
            yield sent[-1]

    problem = _is_a_problem(await client.post(PATH, content=body(), headers=JSON), 413)
    assert len(sent) <= MAX_BODY_BYTES / 1000 + 1
    assert str(MAX_BODY_BYTES) in problem["detail"]


async def test_a_client_that_goes_away_in_the_middle_of_its_body_is_no_error_of_ours(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[MutableMapping[str, Any]] = []
    messages: Iterator[dict[str, Any]] = iter(
        [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    )
    headers = [(name.encode(), value.encode()) for name, value in JSON.items()]
    scope = {"type": "http", "method": "POST", "path": PATH, "raw_path": PATH.encode(), "query_string": b""}

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app(scope | {"headers": headers, "http_version": "1.1", "scheme": "http"}, receive, send)
    assert sent[0]["status"] == 400
    assert "request failed" not in caplog.messages


async def test_a_body_at_the_limit_is_accepted(client: httpx.AsyncClient) -> None:
    body = json.dumps(DESIRED).encode().ljust(MAX_BODY_BYTES)
    assert (await client.post(PATH, content=body, headers=JSON)).status_code == 202
    _is_a_problem(await client.post(PATH, content=body + b" ", headers=JSON), 413)


@pytest.mark.parametrize("length", ["-1", "ten", "9" * 5000, "²".encode(), "1e9"])
async def test_a_length_that_is_none_is_not_an_error_of_ours(client: httpx.AsyncClient, length: str | bytes) -> None:
    headers = in_bytes(JSON | {"content-length": length})
    response = await client.post(PATH, content=json.dumps(DESIRED), headers=headers)
    assert response.status_code in {202, 413}


async def test_an_unexpected_error_is_a_problem_that_tells_nothing_of_it(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(InMemoryJobQueue):
        def submit(self, job: Job) -> None:
            raise RuntimeError("redis://:hunter2@host")

    async with client_of(make_app(Broken({}))) as client:
        response = await client.post(PATH, json=DESIRED, headers=APPLIES | {"X-Correlation-ID": "here"})
    _is_a_problem(response, 500)
    assert "hunter2" not in response.text
    assert response.headers["x-correlation-id"] == "here"
    assert [record.message for record in caplog.records if record.exc_info] == ["request failed"]
