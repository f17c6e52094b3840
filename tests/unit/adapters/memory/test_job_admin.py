from collections.abc import Callable

import pytest

from qontract.adapters.memory import InMemoryJobAdmin, InMemoryJobQueue
from qontract.application.jobs import Runners
from qontract.application.ports.job_admin import JobAdmin
from tests.contracts.job_admin import JobAdminContract
from tests.contracts.job_queue_runner import HeldJobQueue


class TestInMemoryJobAdmin(JobAdminContract):
    @pytest.fixture
    def make(self) -> Callable[[Runners], tuple[HeldJobQueue, JobAdmin]]:
        def make(runners: Runners) -> tuple[HeldJobQueue, JobAdmin]:
            queue = InMemoryJobQueue(runners, hold=True)
            return queue, InMemoryJobAdmin(queue)

        return make
