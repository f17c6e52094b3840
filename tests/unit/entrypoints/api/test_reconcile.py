import time
from collections.abc import Sequence
from threading import Event, active_count
from typing import Any
from uuid import uuid4

import anyio
import httpx
import pytest
from fastapi import FastAPI

from qontract.adapters.memory import InMemoryJobQueue
from qontract.application.ports.job_queue import JobQueueError
from qontract.domain.jobs import Job, JobMetadata, JobResult, JobStatus
from qontract.testing.clock import VirtualClockLoop
from tests.support.waiting import eventually
from tests.unit.entrypoints.api.conftest import APPLIES, DESIRED, PATH, PLANS, AppOf, client_of, in_bytes

pytestmark = pytest.mark.anyio
in_no_time = pytest.mark.parametrize("anyio_backend", [("asyncio", {"loop_factory": VirtualClockLoop})], ids=[""])

UNKNOWN = "3b9d7441-20de-4c12-8181-4435fca8de5f"


class _Recorder(InMemoryJobQueue):
    def __init__(self, results: Sequence[JobResult] = ()) -> None:
        super().__init__({}, hold=True)
        self.jobs: list[Job] = []
        self.asked, self.results = 0, list(results)

    def submit(self, job: Job) -> None:
        self.jobs.append(job)

    def about(self, job_id: str) -> JobMetadata:
        return JobMetadata(integration="slack-usergroups")

    def result(self, job_id: str) -> JobResult:
        self.asked += 1
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]


class _Unreachable(InMemoryJobQueue):
    def __init__(self) -> None:
        super().__init__({})

    def about(self, job_id: str) -> JobMetadata:
        raise JobQueueError("nobody listens")

    def submit(self, job: Job) -> None:
        raise JobQueueError("nobody listens")

    def result(self, job_id: str) -> JobResult:
        raise JobQueueError("nobody listens")


async def test_a_desired_state_is_accepted_as_a_job_that_can_be_asked_for(client: httpx.AsyncClient) -> None:
    response = await client.post(PATH, json=DESIRED, headers=PLANS)
    accepted = response.json()
    assert response.status_code == 202
    assert accepted == {
        "id": accepted["id"],
        "status": "pending",
        "status_url": f"{PATH}/{accepted['id']}",
    }
    assert response.headers["location"] == accepted["status_url"]
    pending = await client.get(accepted["status_url"], headers=PLANS)
    assert pending.status_code == 200
    nothing: dict[str, Any] = {
        "actions": [],
        "applied_actions": [],
        "errors": [],
        "plan_digest": None,
        "cancelled_by": None,
    }
    nothing |= {"actions_left_out": 0, "applied_actions_left_out": 0, "errors_left_out": 0}
    assert pending.json() == {"status": "pending", "done": 0, "of": 0} | nothing


async def test_the_result_tells_what_was_planned(client: httpx.AsyncClient, queue: InMemoryJobQueue) -> None:
    accepted = (await client.post(PATH, json=DESIRED, headers=PLANS)).json()
    queue.run(accepted["id"])
    result = (await client.get(accepted["status_url"], headers=PLANS)).json()
    assert result["status"] == "success"
    assert [(action["action_type"], action["users"]) for action in result["actions"]] == [("create", ["alice"])]
    assert result["applied_actions"] == []


async def test_a_request_is_a_dry_run_unless_it_says_otherwise(app_of: AppOf) -> None:
    queue = _Recorder()
    async with client_of(app_of(queue)) as client:
        await client.post(PATH, json=DESIRED, headers=APPLIES)
        await client.post(PATH, json=DESIRED | {"dry_run": False}, headers=APPLIES)
    assert [job.payload["dry_run"] for job in queue.jobs] == [True, False]


async def test_the_job_has_the_correlation_id_of_its_request(app_of: AppOf) -> None:
    queue = _Recorder()
    async with client_of(app_of(queue)) as client:
        await client.post(PATH, json=DESIRED, headers=PLANS | {"X-Correlation-ID": "ci-run-7"})
    assert [job.correlation_id for job in queue.jobs] == ["ci-run-7"]


async def test_waiting_returns_the_result_as_soon_as_there_is_one(
    client: httpx.AsyncClient, queue: InMemoryJobQueue
) -> None:
    accepted = (await client.post(PATH, json=DESIRED, headers=PLANS)).json()
    answers = []
    async with anyio.create_task_group() as group:

        async def ask() -> None:
            answers.append(await client.get(accepted["status_url"], params={"timeout": 30}, headers=PLANS))

        group.start_soon(ask)
        await anyio.lowlevel.checkpoint()
        await anyio.to_thread.run_sync(queue.run, accepted["id"])
    assert answers[0].status_code == 200
    assert answers[0].json()["status"] == "success"


@pytest.mark.parametrize("status", [JobStatus.SUCCESS, JobStatus.FAILED, JobStatus.SKIPPED, JobStatus.BLOCKED])
async def test_waiting_goes_on_while_the_job_runs_until_a_final_status(app_of: AppOf, status: JobStatus) -> None:
    queue = _Recorder([JobResult(), JobResult(status=JobStatus.RUNNING, done=1, of=3), JobResult(status=status)])
    async with client_of(app_of(queue)) as client:
        response = await client.get(f"{PATH}/{uuid4()}", params={"timeout": 30}, headers=PLANS)
    assert (response.status_code, response.json()["status"], queue.asked) == (200, status, 3)


async def test_without_a_timeout_the_result_tells_how_far_a_running_job_is(app_of: AppOf) -> None:
    queue = _Recorder([JobResult(status=JobStatus.RUNNING, done=1, of=3)])
    async with client_of(app_of(queue)) as client:
        response = await client.get(f"{PATH}/{uuid4()}", headers=PLANS)
    assert response.json().items() >= {"status": "running", "done": 1, "of": 3}.items()


async def test_waiting_in_vain_answers_408(client: httpx.AsyncClient) -> None:
    accepted = (await client.post(PATH, json=DESIRED, headers=PLANS)).json()
    started = time.monotonic()
    response = await client.get(accepted["status_url"], params={"timeout": "0.2"}, headers=PLANS)
    assert 0.2 <= time.monotonic() - started < 2
    assert response.status_code == 408
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_timeout_of_nothing_asks_once(app_of: AppOf) -> None:
    queue = _Recorder([JobResult()])
    async with client_of(app_of(queue)) as client:
        response = await client.get(f"{PATH}/{uuid4()}", params={"timeout": 0}, headers=PLANS)
    assert (response.status_code, queue.asked) == (408, 1)


@in_no_time
async def test_waiting_asks_the_queue_less_and_less_often(app_of: AppOf) -> None:
    queue = _Recorder([JobResult()])
    async with client_of(app_of(queue)) as client:
        await client.get(f"{PATH}/{uuid4()}", params={"timeout": 1}, headers=PLANS)
    assert 2 < queue.asked < 15


@in_no_time
async def test_a_hundred_that_wait_hold_no_threads(app_of: AppOf) -> None:
    queue = _Recorder([JobResult()])
    answers, threads = [], []
    async with client_of(app_of(queue)) as client, anyio.create_task_group() as group:

        async def ask() -> None:
            answers.append(await client.get(f"{PATH}/{uuid4()}", params={"timeout": 1}, headers=PLANS))

        for _ in range(100):
            group.start_soon(ask)
        await eventually(lambda: queue.asked >= 200)
        threads.append(active_count())
        assert (await client.get("/health/live")).status_code == 200
    assert len(answers) == 100
    assert threads[0] < 60


@pytest.mark.parametrize(
    "job_id",
    [UNKNOWN, UNKNOWN.upper(), "nope", "0", "%00", "..%2Fx", "%F0%9F%A6%A6", "%ED%A0%80", "a" * 5000, "1%0A"],
)
async def test_an_id_that_was_never_issued_answers_404(client: httpx.AsyncClient, job_id: str) -> None:
    response = await client.get(f"{PATH}/{job_id}", headers=PLANS)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("timeout", ["-1", "301", "NaN", "1e999", "-1e999", "inf", "9" * 5000, "soon", "", "é", "%00"])
async def test_a_timeout_that_is_none_answers_422(client: httpx.AsyncClient, timeout: str) -> None:
    response = await client.get(f"{PATH}/{uuid4()}?timeout={timeout}", headers=PLANS)
    assert response.status_code == 422
    assert [error["parameter"] for error in response.json()["errors"]] == ["timeout"]


async def test_a_queue_that_cannot_be_reached_answers_503_and_when_to_come_again(app_of: AppOf) -> None:
    async with client_of(app_of(_Unreachable())) as client:
        posted = await client.post(PATH, json=DESIRED, headers=PLANS)
        asked = await client.get(f"{PATH}/{uuid4()}", headers=PLANS)
    for response in (posted, asked):
        assert response.status_code == 503
        assert response.headers["content-type"] == "application/problem+json"
        assert int(response.headers["retry-after"]) > 0
        assert "nobody listens" not in response.text


async def test_a_queue_that_hangs_does_not_make_the_others_wait(app_of: AppOf) -> None:
    class Hanging(_Recorder):
        def result(self, job_id: str) -> JobResult:
            asked.set()
            released.wait(10)
            return JobResult()

    asked, released = Event(), Event()
    async with client_of(app_of(Hanging())) as client, anyio.create_task_group() as group:
        group.start_soon(lambda: client.get(f"{PATH}/{uuid4()}", headers=PLANS))
        await anyio.to_thread.run_sync(asked.wait)
        with anyio.fail_after(5):
            assert (await client.get("/health/live")).status_code == 200
        released.set()


@pytest.mark.parametrize("host", ["[", "é", "a b", ""])
async def test_the_host_that_was_asked_makes_no_difference(client: httpx.AsyncClient, host: str) -> None:
    accepted = await client.post(PATH, json=DESIRED, headers=in_bytes(PLANS | {"host": host}))
    assert accepted.headers["location"].startswith(f"{PATH}/")


async def test_who_waits_is_answered_when_the_process_is_to_end(app: FastAPI, client: httpx.AsyncClient) -> None:
    accepted = (await client.post(PATH, json=DESIRED, headers=PLANS)).json()
    app.state.stopping.set()
    with anyio.fail_after(5):
        response = await client.get(accepted["status_url"], params={"timeout": 300}, headers=PLANS)
    assert response.status_code == 408
