from collections.abc import Callable

import pytest

from qontract.application.jobs import Runners
from qontract.application.ports.kept_jobs import KeptJobs
from tests.contracts.job_queue_runner import HeldJobQueue
from tests.contracts.kept_jobs import KeptJobsContract
from tests.support.jobs import make_queue


class TestCeleryKeptJobs(KeptJobsContract):
    @pytest.fixture
    def make(self, valkey_url: str) -> Callable[[Runners], tuple[HeldJobQueue, KeptJobs]]:
        def make(runners: Runners) -> tuple[HeldJobQueue, KeptJobs]:
            queue = make_queue(valkey_url, runners)
            return queue, queue.kept

        return make
