"""What one subject may ask for."""

from collections.abc import AsyncIterator, Callable, Mapping

import httpx
import pytest
from fastapi import FastAPI, HTTPException

from qontract.adapters.memory import InMemoryJobQueue
from qontract.domain.jobs import JobResult, JobStatus
from qontract.entrypoints.api import limits
from qontract.entrypoints.api.limits import Limits
from tests.support.clock import Clock
from tests.unit.entrypoints.api.conftest import DESIRED, PATH, PLANS, bearer, client_of

pytestmark = pytest.mark.anyio

BOB = bearer("reconcile:plan", subject="bob")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(clock: Clock) -> Limits:
    return Limits(per_second=2, at_once=3, open_jobs=2, clock=clock)


def admitted(made: Limits, subject: str = "alice", requests: float = 1) -> int:
    """Return 0, or after how many seconds to come again."""
    try:
        made.count(subject, requests)
    except HTTPException as refused:
        if refused.status_code != 429:
            raise
        return int((refused.headers or {})["retry-after"])
    return 0


def test_a_subject_may_make_some_requests_at_once_and_then_by_the_rate(made: Limits, clock: Clock) -> None:
    assert [admitted(made) for _ in range(4)] == [0, 0, 0, 1]
    clock.now = 0.5
    assert [admitted(made) for _ in range(2)] == [0, 1]


def test_one_subject_takes_nothing_from_another(made: Limits) -> None:
    assert [admitted(made) for _ in range(4)] == [0, 0, 0, 1]
    assert admitted(made, "bob") == 0


def test_a_request_that_counts_as_many_is_waited_for_the_longer(made: Limits, clock: Clock) -> None:
    assert admitted(made, requests=10) == 0
    assert admitted(made) == 4
    clock.now = 4
    assert admitted(made) == 0


def test_who_asks_no_more_is_forgotten_first(made: Limits, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_MAX_SUBJECTS", 2)
    admitted(made, "early")
    clock.now = 10
    assert [admitted(made, "alice") for _ in range(4)] == [0, 0, 0, 1]
    admitted(made, "bob")
    assert admitted(made, "alice") == 1, "still counted"
    assert len(made._buckets) == 2


async def test_a_subject_has_so_many_open_jobs_and_more_when_one_has_ended(made: Limits) -> None:
    results: Mapping[str, JobResult | None] = {"1": JobResult(), "2": JobResult()}

    async def look(job_id: str) -> JobResult | None:
        return results[job_id]

    for job_id in results:
        await made.admit_job("alice", look)
        made.add_job("alice", job_id)
    with pytest.raises(HTTPException) as refused:
        await made.admit_job("alice", look)
    assert (refused.value.status_code, refused.value.headers) == (429, {"retry-after": "5"})
    await made.admit_job("bob", look)
    for ended in (JobResult(status=JobStatus.FAILED), None):
        results = {"1": JobResult(), "2": ended}
        await made.admit_job("alice", look)
        made.add_job("alice", "2")


@pytest.fixture
async def limited(make_app: Callable[..., FastAPI], queue: InMemoryJobQueue) -> AsyncIterator[httpx.AsyncClient]:
    limits = {"requests_per_second": 0.01, "requests_at_once": 5, "open_jobs": 2}
    async with client_of(make_app(queue, api=limits)) as client:
        yield client


async def test_too_many_requests_of_a_subject_answer_429_and_when_to_come_again(limited: httpx.AsyncClient) -> None:
    statuses = [(await limited.get(f"{PATH}/1", headers=PLANS)).status_code for _ in range(5)]
    answer = await limited.get(f"{PATH}/1", headers=PLANS)
    assert statuses == [404] * 5
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    assert 0 < int(answer.headers["retry-after"]) <= 100
    assert (await limited.get(f"{PATH}/1", headers=BOB)).status_code == 404


async def test_too_many_waiting_jobs_of_a_subject_answer_429_until_one_has_ended(
    limited: httpx.AsyncClient, queue: InMemoryJobQueue
) -> None:
    first, _, refused = [await limited.post(PATH, json=DESIRED, headers=PLANS) for _ in range(3)]
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert (await limited.post(PATH, json=DESIRED, headers=BOB)).status_code == 202
    queue.run(first.json()["id"])
    assert (await limited.post(PATH, json=DESIRED, headers=PLANS)).status_code == 202
