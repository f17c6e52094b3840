from collections.abc import Callable
from functools import partial

import pytest

from qontract.adapters.memory import InMemoryJobQueue
from qontract.application.jobs import Runners, Unfinished
from tests.contracts.job_queue import SUCCESS, HeldJobQueue, JobQueueContract, Runner, a_job


class TestInMemoryJobQueue(JobQueueContract):
    @pytest.fixture
    def make(self) -> Callable[[Runners], HeldJobQueue]:
        return partial(InMemoryJobQueue, hold=True)


def test_a_job_is_run_where_it_is_submitted_unless_it_is_held() -> None:
    queue, job = InMemoryJobQueue({"test": Runner()}), a_job("a")
    queue.submit(job)
    assert queue.result(job.id) == SUCCESS


def test_a_job_that_continues_is_run_to_its_end_where_it_is_submitted() -> None:
    runner, job = Runner(), a_job("a")
    runner.steps = [lambda job_slice: Unfinished(job_slice.progress, 60)]
    queue = InMemoryJobQueue({"test": runner})
    queue.submit(job)
    assert queue.result(job.id) == SUCCESS
    assert runner.jobs == [job, job]
