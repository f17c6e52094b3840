import json
import logging
import re
from collections.abc import Callable
from threading import Event
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from qontract.adapters.memory import InMemoryJobQueue, InMemoryServerCheck
from qontract.application.ports.server_check import ServerState
from qontract.entrypoints import api
from qontract.entrypoints.serving import health
from tests.support.subscriber_process import samples
from tests.unit.entrypoints.api.conftest import DESIRED, PATH, PLANS, client_of

pytestmark = pytest.mark.anyio


MakeApp = Callable[..., FastAPI]


class _Server(InMemoryServerCheck):
    def __init__(self, ask: Callable[[], Any]) -> None:
        super().__init__()
        self._ask = ask

    def state(self) -> ServerState:
        self._ask()
        return super().state()


async def test_it_is_alive_and_ready(client: httpx.AsyncClient) -> None:
    live, ready = await client.get("/health/live"), await client.get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "refused": []})


@pytest.mark.parametrize("state", [ServerState(refused="no"), ServerState(failing="no")])
async def test_it_is_alive_but_not_ready_while_redis_does_not_do_what_it_needs_and_says_why(
    make_app: MakeApp, queue: InMemoryJobQueue, state: ServerState
) -> None:
    async with client_of(make_app(queue, server=InMemoryServerCheck(state))) as client:
        assert (await client.get("/health/live")).status_code == 200
        ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()) == (503, {"status": "failed", "redis": "no", "refused": []})


async def test_it_is_not_ready_while_redis_hangs(
    make_app: MakeApp, queue: InMemoryJobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "READY_SECONDS", 0.05)
    hanging = Event()
    async with client_of(make_app(queue, server=_Server(lambda: hanging.wait(10)))) as client:
        try:
            statuses = [(await client.get("/health/ready")).status_code for _ in range(3)]
        finally:
            hanging.set()
    assert statuses == [503] * 3


async def _requests(client: httpx.AsyncClient, **labels: str) -> float:
    families = text_string_to_metric_families((await client.get("/metrics")).text)
    samples = [sample for family in families for sample in family.samples]
    return sum(
        s.value for s in samples if s.name == "qontract_http_requests_total" and s.labels.items() >= labels.items()
    )


async def test_requests_are_counted_by_method_route_and_status(client: httpx.AsyncClient) -> None:
    labels = {"method": "POST", "route": PATH, "status": "202"}
    before = await _requests(client, **labels)
    job = (await client.post(PATH, json=DESIRED, headers=PLANS)).json()["id"]
    assert await _requests(client, **labels) == before + 1
    labels = {"method": "GET", "route": f"{PATH}/{{job_id}}", "status": "401"}
    before = await _requests(client, **labels)
    await client.get(f"{PATH}/{job}")
    assert await _requests(client, **labels) == before + 1


async def test_what_strangers_send_makes_no_new_label(client: httpx.AsyncClient) -> None:
    before = await _requests(client, method="other", route="none", status="404")
    for number in range(3):
        await client.request(f"M{number}", f"/nowhere/{number}")
    assert await _requests(client, method="other", route="none", status="404") == before + 3


async def test_seconds_are_measured(client: httpx.AsyncClient) -> None:
    await client.get("/health/live")
    assert (
        'qontract_http_request_duration_seconds_bucket{le="0.5",method="GET",route="/health/live"}'
        in (await client.get("/metrics")).text
    )


async def test_how_far_every_subscription_has_come_is_in_its_metrics(client: httpx.AsyncClient) -> None:
    shown = samples((await client.get("/metrics")).text)
    names = ("events_lag", "events_pending", "events_oldest_seconds", "dead_letters", "subscription_replicas")
    assert [shown[f"qontract_{name}", "audit-log"] for name in names] == [5, 4, 3.5, 2, 1]


def test_two_applications_can_live_in_one_process(make_app: MakeApp, queue: InMemoryJobQueue) -> None:
    assert make_app(queue) is not make_app(queue)


async def test_the_docs_are_swagger_ui_and_need_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page.text)
    needed = re.findall(r"""(?:src|href)=["']([^"':]+)["']""", page.text)
    assert len(needed) == 4
    answers = {path: await client.get(f"/{path}") for path in needed}
    assert [answer.status_code for answer in answers.values()] == [200] * 4
    assert "SwaggerUIBundle" in answers["docs/swagger-ui-bundle.js"].text
    assert PATH in answers["openapi.json"].text


async def test_the_page_of_the_docs_runs_no_script_but_those_of_this_process(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert not re.search(r"<script(?! src=)|<style| style=| on\w+=", page.text)
    scripts = [await client.get(f"/docs/{name}") for name in ("page.js", "swagger-ui-bundle.js")]
    assert all(script.headers["content-type"].startswith("text/javascript") for script in scripts)


async def test_openapi_tells_of_tokens_answers_and_the_body(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    schemes = document["components"]["securitySchemes"]
    post, get = document["paths"][PATH]["post"], document["paths"][f"{PATH}/{{job_id}}"]["get"]
    assert [(scheme["type"], scheme["scheme"]) for scheme in schemes.values()] == [("http", "bearer")]
    assert post["security"] == get["security"] == [{name: []} for name in schemes]
    refusals = {"400", "401", "403", "408", "413", "422", "429", "503"}
    assert {"202", "415"} | refusals == post["responses"].keys()
    assert {"200", "404"} | refusals == get["responses"].keys()
    for status, answer in (post["responses"] | get["responses"]).items():
        assert list(answer["content"]) == ["application/json" if status < "400" else "application/problem+json"]
    assert post["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/DesiredUsergroups")
    assert [parameter["name"] for parameter in get["parameters"]] == ["job_id", "timeout"]
    assert "security" not in document["paths"]["/health/ready"]["get"]


@pytest.mark.parametrize("header", ["X-Correlation-ID", "X-Request-ID"])
async def test_a_sane_correlation_id_is_kept(client: httpx.AsyncClient, header: str) -> None:
    sane = "a.B_9-" + "x" * 122
    assert (await client.get("/health/live", headers={header: sane})).headers["x-correlation-id"] == sane


@pytest.mark.parametrize("sent", [b"", b"a b", b"x" * 129, b"a;b", "é".encode(), b"a\x00", b'"', b"{}"])
async def test_any_other_correlation_id_is_replaced(client: httpx.AsyncClient, sent: bytes) -> None:
    answer = await client.get("/health/live", headers=[(b"X-Correlation-ID", sent)])
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-correlation-id"])


async def test_every_answer_has_a_correlation_id_of_its_own(client: httpx.AsyncClient) -> None:
    answers = [await client.get(path) for path in ("/health/live", "/nowhere", PATH)]
    assert len({answer.headers["x-correlation-id"] for answer in answers}) == 3


async def test_each_request_is_told_in_one_line_without_its_secrets(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "qontract")
    await client.get(f"{PATH}/1?timeout=5&token=hunter2", headers=PLANS)
    (record,) = [record for record in caplog.records if record.name.startswith("qontract")]
    told = vars(record)
    assert (record.message, told["method"], told["path"], told["status"]) == ("request ended", "GET", f"{PATH}/1", 404)
    assert 0 <= told["seconds"] < 5
    assert "hunter2" not in json.dumps(told, default=str)
    assert PLANS["authorization"][7:] not in json.dumps(told, default=str)


async def test_the_log_lines_of_a_request_have_its_correlation_id_and_those_after_it_have_not(
    make_app: MakeApp, queue: InMemoryJobQueue
) -> None:
    seen: list[dict[str, Any]] = []

    def look() -> None:
        seen.append(structlog.contextvars.get_contextvars())

    async with client_of(make_app(queue, server=_Server(look))) as client:
        await client.get("/health/ready", headers={"X-Correlation-ID": "one"})
        await client.get("/health/ready", headers={"X-Correlation-ID": "two"})
    assert seen == [{"correlation_id": "one"}, {"correlation_id": "two"}]
    assert structlog.contextvars.get_contextvars() == {}


def test_nothing_but_app_is_made_on_demand() -> None:
    with pytest.raises(AttributeError, match="application"):
        api.application  # noqa: B018 - asking is the test


def test_app_is_made_once_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("QAPI_AUTH__SECRET", "s" * 32)
    made: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    monkeypatch.setattr(api, "create_app", make)
    monkeypatch.setattr("qontract.entrypoints.logs.configure_logs", lambda _: None)
    request.addfinalizer(api._app.cache_clear)
    api._app.cache_clear()
    assert made == []
    assert api.app is api.app
    assert len(made) == 1
