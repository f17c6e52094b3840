from collections.abc import Callable

import pytest

from qontract.adapters.memory import InMemoryJobQueue, InMemoryKeptJobs
from qontract.application.jobs import Runners
from qontract.application.ports.kept_jobs import KeptJobs
from tests.contracts.job_queue_runner import HeldJobQueue
from tests.contracts.kept_jobs import KeptJobsContract


class TestInMemoryKeptJobs(KeptJobsContract):
    @pytest.fixture
    def make(self) -> Callable[[Runners], tuple[HeldJobQueue, KeptJobs]]:
        def make(runners: Runners) -> tuple[HeldJobQueue, KeptJobs]:
            queue = InMemoryJobQueue(runners, hold=True)
            return queue, InMemoryKeptJobs(queue)

        return make
