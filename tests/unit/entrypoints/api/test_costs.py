"""A request costs what it is worth."""

import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI, HTTPException
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from pytest_mock import MockerFixture

from qontract.adapters.memory import InMemoryJobQueue
from qontract.entrypoints.api import json_body, reconcile
from tests.unit.entrypoints.api.conftest import DESIRED, PATH, PLANS, bearer, client_of

pytestmark = pytest.mark.anyio

MakeApp = Callable[..., FastAPI]


class Loose(BaseModel):
    """A model whose lists report each wrong item."""

    numbers: list[int] = []


@pytest.mark.parametrize("scope", ["events:read", "github-teams:plan", "slack-usergroups:read"])
async def test_a_token_without_plan_scope_for_the_integration_costs_no_reading(
    client: httpx.AsyncClient, scope: str
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        raise AssertionError("read on")

    headers = bearer(scope) | {"content-type": "application/json"}
    assert (await client.post(PATH, content=body(), headers=headers)).status_code == 403


def test_a_million_unknown_names_are_refused_before_anything_is_parsed(mocker: MockerFixture) -> None:
    names = ("{" + ",".join(f'"{number:06x}":1' for number in range(900_000)) + "}").encode()
    parsed = mocker.spy(json, "loads")
    with pytest.raises(RequestValidationError) as refused:
        json_body.validated(names, Loose)
    assert len(refused.value.errors()) == 1
    assert parsed.call_count == 0


def test_an_object_of_more_names_than_a_desired_state_has_is_refused_before_each_is_reported(
    mocker: MockerFixture,
) -> None:
    checked = mocker.spy(Loose, "model_validate")
    body = json.dumps({"a": dict.fromkeys(map(str, range(20_001)), 1)}).encode()
    with pytest.raises(RequestValidationError, match="more than 20000 names"):
        json_body.validated(body, Loose)
    assert checked.call_count == 0


def test_so_many_lists_that_holding_them_takes_long_are_refused_before_anything_is_parsed(
    mocker: MockerFixture,
) -> None:
    parsed = mocker.spy(json, "loads")
    with pytest.raises(RequestValidationError):
        json_body.validated(b'{"numbers":[' + b",".join([b"[]"] * 300_000) + b"]}", Loose)
    assert parsed.call_count == 0


@pytest.mark.parametrize(("wrong", "told"), [(1000, 20), (1001, 1)])
def test_of_very_many_errors_only_the_number_is_told(wrong: int, told: int) -> None:
    with pytest.raises(RequestValidationError) as refused:
        json_body.validated(json.dumps({"numbers": ["x"] * wrong}).encode(), Loose)
    assert len(refused.value.errors()) == told
    assert (told > 1) or "1001 things are not as expected" in refused.value.errors()[0]["msg"]


@pytest.mark.parametrize(("text", "deep"), [("[{0}]", 63), ('{{"a":{0}}}', 63), ("[{0}]", 500), ('{{"a":{0}}}', 500)])
def test_what_is_nested_deeper_than_any_desired_state_is_refused(text: str, deep: int) -> None:
    body = "1"
    for _ in range(deep):
        body = text.format(body)
    if deep < 64:
        assert json_body.strict_json(body.encode())
    else:
        with pytest.raises(HTTPException, match="too deeply"):
            json_body.strict_json(body.encode())


async def test_large_bodies_are_checked_one_after_the_other_and_hold_nobody_else_up(
    make_app: MakeApp, queue: InMemoryJobQueue, mocker: MockerFixture
) -> None:
    mocker.patch.object(reconcile, "_LARGE_BYTES", 1000)
    at_once, most = 0, 0

    def check(body: bytes, model: Any) -> Any:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        time.sleep(0.05)
        at_once -= 1
        return json_body.validated(body, model)

    mocker.patch.object(reconcile, "validated", check)
    headers = PLANS | {"content-type": "application/json"}
    large = json.dumps(DESIRED).encode().ljust(2000)
    statuses = []
    async with client_of(make_app(queue)) as client, anyio.create_task_group() as group:

        async def post() -> None:
            statuses.append((await client.post(PATH, content=large, headers=headers)).status_code)

        for _ in range(4):
            group.start_soon(post)
        with anyio.fail_after(0.15):
            assert (await client.get("/health/live")).status_code == 200
    assert statuses == [202] * 4
    assert most == 1


async def test_every_answer_has_headers_that_make_it_useless_to_other_pages(client: httpx.AsyncClient) -> None:
    for path in ("/health/live", "/nowhere", "/openapi.json", PATH, "/metrics", "/docs"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


async def test_no_answer_says_which_program_or_python_gives_it(client: httpx.AsyncClient) -> None:
    metrics = await client.get("/metrics")
    assert "server" not in metrics.headers
    assert "python_info" not in metrics.text
