from functools import partial

import pytest

from qontract.adapters.memory import InMemoryJobQueue
from tests.contracts.job_queue import SUCCESS, JobQueueContract, Runner, a_job


class TestInMemoryJobQueue(JobQueueContract):
    @pytest.fixture
    def make(self):
        return partial(InMemoryJobQueue, hold=True)


def test_a_job_is_run_where_it_is_submitted_unless_it_is_held():
    queue, job = InMemoryJobQueue({"test": Runner()}), a_job("a")
    queue.submit(job)
    assert queue.result(job.id) == SUCCESS
