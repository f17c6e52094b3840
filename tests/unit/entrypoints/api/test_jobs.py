"""Jobs over HTTP, with adapters in memory."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from qontract.adapters.memory import InMemoryJobAdmin, InMemoryJobQueue
from qontract.application.ports.job_admin import JobAdminError
from qontract.domain.jobs import Job
from tests.support.api_in_memory import api_in_memory
from tests.unit.entrypoints.api.conftest import APPLIES, DESIRED, PATH, PLANS, SLACK, bearer, client_of

JOBS = "/api/v1/jobs"
UNKNOWN = "3b9d7441-20de-4c12-8181-4435fca8de5f"

pytestmark = pytest.mark.anyio


async def submitted(client: httpx.AsyncClient, subject: str = "alice", **more: Any) -> str:
    answer = await client.post(PATH, json=DESIRED | more, headers=bearer("reconcile:apply", subject=subject))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def test_a_job_tells_who_wanted_it_and_why_and_what_is_planned(
    client: httpx.AsyncClient, queue: InMemoryJobQueue
) -> None:
    job_id = await submitted(client, reason="she left")
    [listed] = (await client.get(JOBS, headers=PLANS)).json()["jobs"]
    assert (listed["id"], listed["status"], listed["submitted_by"]) == (job_id, "pending", "alice")
    assert (listed["integration"], listed["scopes"], listed["dry_run"]) == ("slack-usergroups", ["coreos"], True)
    assert (listed["reason"], listed["next"]) == (
        "she left",
        f"is a worker alive? If nobody wants it any more: qontract jobs cancel {job_id}",
    )
    queue.run(job_id)
    shown = (await client.get(f"{JOBS}/{job_id}", headers=PLANS)).json()
    assert (shown["status"], shown["next"]) == ("success", None)
    assert [action["action_type"] for action in shown["result"]["actions"]] == ["create"]


async def test_a_list_has_only_what_is_asked_for(client: httpx.AsyncClient, queue: InMemoryJobQueue) -> None:
    ended, waiting = [await submitted(client) for _ in range(2)]
    queue.run(ended)

    async def found(**params: str) -> list[str]:
        answer = await client.get(JOBS, params=params, headers=PLANS)
        assert answer.status_code == 200, answer.text
        return [job["id"] for job in answer.json()["jobs"]]

    assert await found() == await found(integration="slack-usergroups", scope="coreos", since="1h") == [waiting, ended]
    assert await found(limit="1") == [waiting]
    assert await found(status="success") == [ended]
    assert await found(integration="github-teams") == await found(scope="none") == []
    assert await found(since="2999-01-01") == []


@pytest.mark.parametrize("query", ["status=odd", "since=odd", "limit=0", "limit=1001", "scpe=a", "scope=a&scope=b"])
async def test_what_is_no_condition_is_refused(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"{JOBS}?{query}", headers=PLANS)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("scopes", "sees", "cancels"),
    [
        (["reconcile:plan"], True, False),
        (["slack-usergroups:plan:coreos"], True, False),
        (["slack-usergroups:apply:coreos"], True, True),
        (["slack-usergroups:apply"], True, True),
        (["slack-usergroups:apply:other"], False, False),
        (["github-teams:apply", "events:admin"], False, False),
        ([], False, False),
    ],
)
async def test_a_token_sees_and_cancels_only_jobs_that_its_scopes_cover(
    client: httpx.AsyncClient, scopes: list[str], *, sees: bool, cancels: bool
) -> None:
    job_id, headers = await submitted(client), bearer(*scopes)
    listed = (await client.get(JOBS, headers=headers)).json()["jobs"]
    assert [job["id"] for job in listed] == ([job_id] if sees else [])
    assert (await client.get(f"{JOBS}/{job_id}", headers=headers)).status_code == (200 if sees else 404)
    answer = await client.post(f"{JOBS}/{job_id}/cancel", headers=headers)
    assert answer.status_code == (200 if cancels else 403 if sees else 404)
    after = (await client.get(f"{JOBS}/{job_id}", headers=PLANS)).json()
    assert after["status"] == ("skipped" if cancels else "pending")


async def test_a_job_that_waits_is_cancelled_by_the_subject_of_the_token_and_twice_is_once(
    client: httpx.AsyncClient, queue: InMemoryJobQueue
) -> None:
    job_id = await submitted(client, dry_run=False)
    for subject in ("bob", "carol"):
        headers = bearer("reconcile:apply", subject=subject)
        answer = (await client.post(f"{JOBS}/{job_id}/cancel", headers=headers)).json()
        assert (answer["outcome"], answer["job"]["cancelled_by"]) == ("cancelled", "bob")
    queue.run(job_id)
    result = (await client.get(f"{PATH}/{job_id}", headers=PLANS)).json()
    assert (result["status"], result["errors"], result["done"]) == ("skipped", ["cancelled by bob"], 0)


async def test_of_a_job_that_has_ended_it_is_said_that_it_has(
    client: httpx.AsyncClient, queue: InMemoryJobQueue
) -> None:
    job_id = await submitted(client)
    queue.run(job_id)
    answer = await client.post(f"{JOBS}/{job_id}/cancel", headers=APPLIES)
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "The job cannot be cancelled: it has ended: success.",
    )


async def test_a_job_that_was_never_submitted_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{JOBS}/{UNKNOWN}", headers=PLANS)).status_code == 404
    assert (await client.post(f"{JOBS}/{UNKNOWN}/cancel", headers=APPLIES)).status_code == 404


async def test_without_a_token_nothing_is_told(client: httpx.AsyncClient) -> None:
    assert (await client.get(JOBS)).status_code == (await client.get(f"{JOBS}/{UNKNOWN}")).status_code == 401


async def test_a_subject_that_asks_too_often_is_told_to_wait(make_app: Callable[..., FastAPI]) -> None:
    few = {"requests_per_second": 0.001, "requests_at_once": 2}
    async with client_of(make_app(InMemoryJobQueue({}), api=few)) as client:
        statuses = [(await client.get(JOBS, headers=PLANS)).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


async def test_without_redis_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise JobAdminError("jobs cannot be looked up: ConnectionError")

    for name in ("list", "get"):
        monkeypatch.setattr(InMemoryJobAdmin, name, refuse)
    async with client_of(api_in_memory(InMemoryJobQueue({}), SLACK, {}, {})) as client:
        for path in (JOBS, f"{JOBS}/{UNKNOWN}"):
            answer = await client.get(path, headers=PLANS)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_a_name_with_half_a_character_is_shown(client: httpx.AsyncClient, queue: InMemoryJobQueue) -> None:
    queue.submit(Job(integration="slack-usergroups", payload={}, scopes=("\ud800",), requested_by="x"))
    assert (await client.get(JOBS, headers=PLANS)).json()["jobs"][0]["scopes"] == ["\ud800"]
