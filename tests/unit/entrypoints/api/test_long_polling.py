"""Requests that wait for the end of a job."""

import asyncio
from collections.abc import Callable
from threading import Event
from typing import Any
from uuid import uuid4

import anyio
import httpx
import pytest
from fastapi import FastAPI

from qontract.adapters.memory import InMemoryJobQueue
from qontract.application.ports.job_queue import JobQueueError
from qontract.domain.jobs import JobResult, JobStatus
from qontract.entrypoints.api.long_polling import LongPoller
from qontract.testing.clock import VirtualClockLoop
from tests.unit.entrypoints.api.conftest import DESIRED, PATH, PLANS, client_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """A clock that jumps to what is waited for."""
    return "asyncio", {"loop_factory": VirtualClockLoop}


async def here() -> bool:
    return False


def waiting_for(look: Callable[[str], JobResult | None], most: int = 10_000) -> LongPoller:
    async def looked(job_id: str) -> JobResult | None:
        return look(job_id)

    return LongPoller(looked, most=most, stopping=Event())


async def test_1500_that_wait_for_a_job_cost_one_look_up_for_each_interval() -> None:
    asked: list[str] = []
    ended = False

    def look(job_id: str) -> JobResult:
        asked.append(job_id)
        return JobResult(status=JobStatus.SUCCESS if ended else JobStatus.RUNNING)

    waiting = waiting_for(look)
    tasks = [asyncio.create_task(waiting.end_of("1", 30, here)) for _ in range(1500)]
    clock = asyncio.get_running_loop().time
    started = clock()
    while len(asked) < 8:
        await asyncio.sleep(0.01)
    assert clock() - started > 0.5, "not one for each that waits"
    ended = True
    bodies = await asyncio.gather(*tasks)
    assert len(asked) == 9
    assert all(body is not None and b'"success"' in body for body in bodies)
    assert len({id(body) for body in bodies}) == 1, "written once"


async def test_nothing_is_looked_up_for_nobody() -> None:
    asked: list[str] = []

    def look(job_id: str) -> JobResult:
        asked.append(job_id)
        return JobResult()

    assert await waiting_for(look).end_of("1", 0.1, here) is None
    before = len(asked)
    await asyncio.sleep(0.2)
    assert len(asked) == before > 0


async def test_who_has_gone_waits_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qontract.entrypoints.api.long_polling._GONE_SECONDS", 0.01)
    asked = 0

    async def gone() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2

    with anyio.fail_after(5):
        assert await waiting_for(lambda _: JobResult()).end_of("1", 60, gone) is None


async def test_a_look_up_that_fails_is_told_to_all_who_wait() -> None:
    def look(_: str) -> JobResult:
        raise JobQueueError("nobody listens")

    waiting = waiting_for(look)
    found = await asyncio.gather(*(waiting.end_of("1", 5, here) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in found] == [JobQueueError] * 3
    assert waiting._watches == {}


async def test_more_requests_than_may_wait_answer_503_and_when_to_come_again(
    make_app: Callable[..., FastAPI], queue: InMemoryJobQueue
) -> None:
    async with client_of(make_app(queue, api={"waiting_requests": 1})) as client:
        url = (await client.post(PATH, json=DESIRED, headers=PLANS)).json()["status_url"]
        answers: list[httpx.Response] = []

        async def ask() -> None:
            answers.append(await client.get(url, params={"timeout": 0.3}, headers=PLANS))

        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(ask)
        assert sorted(answer.status_code for answer in answers) == [408, 503]
        [refused] = [answer for answer in answers if answer.status_code == 503]
        assert int(refused.headers["retry-after"]) > 0
        await ask()
        assert answers[-1].status_code == 408, "whose place was free again"


async def test_a_job_that_is_forgotten_meanwhile_answers_404(
    make_app: Callable[..., FastAPI], queue: InMemoryJobQueue
) -> None:
    class Forgets(InMemoryJobQueue):
        asked = 0

        def result(self, job_id: str) -> JobResult | None:
            self.asked += 1
            return JobResult() if self.asked < 3 else None

    forgets = Forgets({}, hold=True)
    async with client_of(make_app(forgets)) as client:
        url = (await client.post(PATH, json=DESIRED, headers=PLANS)).json()["status_url"]
        assert (await client.get(url, params={"timeout": 5}, headers=PLANS)).status_code == 404
        assert (await client.get(f"{PATH}/{uuid4()}", params={"timeout": 5}, headers=PLANS)).status_code == 404
