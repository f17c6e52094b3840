"""Any integration that is installed is served, and one that cannot be used says why."""

from collections.abc import Mapping
from functools import partial
from uuid import uuid4

import pytest

from qontract.adapters.memory import InMemoryJobQueue, InMemorySlackUsergroups
from qontract.domain.jobs import Job
from qontract.entrypoints.integrations import InstalledIntegrations
from tests.support.outside import outside_integration
from tests.unit.entrypoints.api.conftest import DESIRED, PATH, PLANS, SLACK, AppOf, MakeApp, bearer, client_of

pytestmark = pytest.mark.anyio

THINGS = "/api/v1/integrations/acme-things/reconcile"
BROKEN = InstalledIntegrations(SLACK.classes, {"acme-things": "acme 1.0: acme:Things: ImportError: no httpx"})
TWO = InstalledIntegrations({**SLACK.classes, "acme-things": outside_integration("acme-things", module="acme")})
BODY: Mapping[str, object] = {"things": [{"title": "a"}]}


async def test_each_installed_integration_takes_its_own_desired_state(app_of: AppOf, queue: InMemoryJobQueue) -> None:
    async with client_of(app_of(queue, TWO)) as client:
        answers = [
            await client.post(path, json=body, headers=PLANS) for path in (PATH, THINGS) for body in (DESIRED, BODY)
        ]
    assert [answer.status_code for answer in answers] == [202, 422, 422, 202]
    assert answers[3].headers["location"].startswith(f"{THINGS}/")


async def test_a_job_is_for_the_integration_that_was_asked(app_of: AppOf) -> None:
    jobs: list[Job] = []

    class Recorder(InMemoryJobQueue):
        def submit(self, job: Job) -> None:
            jobs.append(job)

    async with client_of(app_of(Recorder({}), TWO)) as client:
        await client.post(THINGS, json={**BODY, "dry_run": False}, headers=bearer("reconcile:apply"))
    assert [(job.integration, job.locks) for job in jobs] == [("acme-things", ("acme-things/one",))]


@pytest.mark.parametrize(
    ("scope", "slack", "things"),
    [("slack-usergroups:plan", 202, 403), ("acme-things:plan", 403, 202), ("reconcile:plan", 202, 202)],
)
async def test_a_scope_of_one_integration_is_not_enough_for_another(
    app_of: AppOf, queue: InMemoryJobQueue, scope: str, slack: int, things: int
) -> None:
    async with client_of(app_of(queue, TWO)) as client:
        post = partial(client.post, headers=bearer(scope))
        assert (await post(PATH, json=DESIRED)).status_code == slack
        assert (await post(THINGS, json=BODY)).status_code == things
        assert (await client.get(f"{PATH}/{uuid4()}", headers=bearer(scope))).status_code == (
            404 if slack == 202 else 403
        )


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("rest", ["", "/3b9d7441-20de-4c12-8181-4435fca8de5f"])
async def test_an_unknown_integration_answers_404_with_those_that_are_installed(
    app_of: AppOf, queue: InMemoryJobQueue, method: str, rest: str
) -> None:
    async with client_of(app_of(queue, TWO)) as client:
        answer = await client.request(method, f"/api/v1/integrations/slack-usergroup/reconcile{rest}", headers=PLANS)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    detail = "No integration 'slack-usergroup' is installed; installed: acme-things, slack-usergroups."
    assert answer.json()["detail"] == detail


async def test_an_integration_that_was_refused_answers_503_with_its_package_and_the_reason(
    app_of: AppOf, queue: InMemoryJobQueue
) -> None:
    async with client_of(app_of(queue, BROKEN)) as client:
        answer = await client.post(THINGS, json=BODY, headers=PLANS)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert "acme 1.0: acme:Things: ImportError: no httpx" in answer.json()["detail"]


async def test_only_who_has_a_token_for_it_is_told_why_an_integration_was_refused(
    app_of: AppOf, queue: InMemoryJobQueue
) -> None:
    async with client_of(app_of(queue, BROKEN)) as client:
        answers = [await client.post(THINGS, json=BODY, headers=who) for who in ({}, bearer("slack-usergroups:plan"))]
    assert [answer.status_code for answer in answers] == [401, 403]
    assert all("acme 1.0" not in answer.text for answer in answers)


async def test_what_an_integration_did_before_it_was_refused_can_be_asked_for(
    app_of: AppOf, queue: InMemoryJobQueue
) -> None:
    queue.submit(Job(integration="acme-things", payload={}, id="00000000-0000-0000-0000-000000000001"))
    async with client_of(app_of(queue, BROKEN)) as client:
        answer = await client.get(f"{THINGS}/00000000-0000-0000-0000-000000000001", headers=PLANS)
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")


async def test_a_package_that_is_refused_takes_no_other_down_and_readiness_names_it(
    make_app: MakeApp, queue: InMemoryJobQueue
) -> None:
    refused = {"acme-things": "acme 1.0: broken", "{x}/y": "odd 1.0: broken", "slack-usergroups": "copy 1.0: taken"}
    async with client_of(
        make_app(queue, InstalledIntegrations({"slack-usergroups": InMemorySlackUsergroups}, refused))
    ) as client:
        assert (await client.post(PATH, json=DESIRED, headers=PLANS)).status_code == 202
        ready = await client.get("/health/ready")
        assert (await client.get("/openapi.json")).status_code == 200, "no path is there twice"
        assert (await client.post("/api/v1/integrations/x/y/reconcile", headers=PLANS)).status_code == 404
    expected = {"status": "ok", "refused": ["acme-things", "slack-usergroups", "{x}/y"]}
    assert (ready.status_code, ready.json()) == (200, expected)
