"""Jobs whose worker is dead, or whose message is lost."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from qontract.adapters.celery import CeleryJobQueue
from qontract.adapters.celery.record_signing import RecordSigner
from qontract.application.jobs import JobSlice, Unfinished
from qontract.domain.jobs import JobProgress, JobStatus
from tests.contracts.job_queue_runner import Runner, a_job, result_of, running
from tests.support.jobs import PREFIX, Told, final, make_queue, worker
from tests.support.waiting import until

LOCK_SECONDS = 0.4


@pytest.fixture
def client(valkey_url: str) -> Any:
    return redis.Redis.from_url(valkey_url, decode_responses=True)


@pytest.fixture
def runner() -> Runner:
    return Runner()


@pytest.fixture
def queue(valkey_url: str, runner: Runner) -> CeleryJobQueue:
    return make_queue(valkey_url, {"test": runner}, lock_seconds=LOCK_SECONDS)


def lost_within(queue: CeleryJobQueue, seconds: float) -> int:
    """Look for lost jobs again and again, and say how many there were."""
    deadline, count = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        count += queue.resubmit_lost()
    return count


def test_a_job_of_a_dead_worker_is_run_again_by_its_lock_and_not_by_the_visibility_time_out(
    valkey_url: str, tmp_path: Path
) -> None:
    queue, told = make_queue(valkey_url, {}), Told(tmp_path)
    jobs = [told.job("a", hold=True), told.job(hold=True)]
    with worker(valkey_url) as killed:
        for job in jobs:
            queue.submit(job)
        children = [until(partial(told.begun, job))[0] for job in jobs]
        for pid in (killed.pid, *children):
            os.kill(pid, signal.SIGKILL)
    told.go.touch()
    with worker(valkey_url):
        until(lambda: queue.resubmit_lost() + len(told.begun(jobs[0])) > 1)
        until(lambda: queue.resubmit_lost() + len(told.begun(jobs[1])) > 1)
        assert [final(queue, job).status for job in jobs] == [JobStatus.SUCCESS] * 2


def test_a_job_whose_message_a_dead_worker_had_reserved_before_it_began_is_run_again(
    queue: CeleryJobQueue, client: Any
) -> None:
    job = a_job("a")
    queue.submit(job)
    message = client.rpop(f"{PREFIX}celery:jobs")
    client.hset(f"{PREFIX}celery:unacked", "tag", json.dumps([json.loads(message), "", "jobs"]))
    assert lost_within(queue, LOCK_SECONDS * 2) == 1
    assert client.llen(f"{PREFIX}celery:jobs") == 1


def test_a_job_is_run_again_once_in_the_time_of_a_lock_at_most(queue: CeleryJobQueue, client: Any) -> None:
    queue.submit(a_job("a"))
    client.delete(f"{PREFIX}celery:jobs")
    until(queue.resubmit_lost)
    client.delete(f"{PREFIX}celery:jobs")
    assert lost_within(queue, LOCK_SECONDS / 2) == 0
    until(queue.resubmit_lost)


def test_several_recovery_processes_at_once_send_one_message(queue: CeleryJobQueue, client: Any) -> None:
    queue.submit(a_job("a"))
    client.delete(f"{PREFIX}celery:jobs")
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: lost_within(queue, LOCK_SECONDS * 1.5), range(8)))
    assert sum(counts) == client.llen(f"{PREFIX}celery:jobs") == 1


def test_a_job_in_the_queue_is_not_lost(queue: CeleryJobQueue, client: Any) -> None:
    queue.submit(a_job("a"))
    assert lost_within(queue, LOCK_SECONDS * 3) == 0
    assert client.llen(f"{PREFIX}celery:jobs") == 1


def test_a_job_that_waits_between_slices_is_not_lost(queue: CeleryJobQueue, runner: Runner) -> None:
    job = a_job("a")
    runner.steps = [lambda _: Unfinished(running(0, 1), 60)]
    queue.submit(job)
    queue.run(job.id)
    assert lost_within(queue, LOCK_SECONDS * 3) == 0


def test_a_job_that_waits_for_a_busy_lock_is_not_lost(queue: CeleryJobQueue) -> None:
    job = a_job("a")
    queue.submit(job)
    with queue.locked("a"):
        assert queue.run(job.id) is False
        assert lost_within(queue, LOCK_SECONDS * 3) == 0


def test_a_job_at_work_is_not_lost(queue: CeleryJobQueue, runner: Runner) -> None:
    counts: list[int] = []

    def look(job_slice: JobSlice) -> JobProgress:
        counts.append(lost_within(queue, LOCK_SECONDS * 3))
        return job_slice.progress

    runner.steps = [look]
    job = a_job()
    queue.submit(job)
    queue.run(job.id)
    assert counts == [0]


def test_a_duplicate_message_does_no_harm(valkey_url: str, tmp_path: Path) -> None:
    queue, told = make_queue(valkey_url, {}), Told(tmp_path)
    jobs = [told.job("a", hold=True), told.job(hold=True, slices=2, pause=1)]
    with worker(valkey_url, JOBS_CONCURRENCY="4"):
        for job in jobs:
            queue.submit(job)
            queue.app.send_task("qontract.run", args=[job.id, 1], task_id=job.id)
        for job in jobs:
            until(partial(told.begun, job))
        told.go.touch()
        assert [final(queue, job).status for job in jobs] == [JobStatus.SUCCESS] * 2
    assert [told.done_before(job) for job in jobs] == [[0], [0, 1]]


@pytest.mark.parametrize("field", ["job", "progress"])
def test_a_job_that_cannot_be_read_has_failed_and_says_so(
    queue: CeleryJobQueue, client: Any, runner: Runner, caplog: pytest.LogCaptureFixture, field: str
) -> None:
    job, following = a_job("a"), a_job("a")
    queue.submit(job)
    unreadable = RecordSigner([b""]).sign('{"of": "another version"', field, job.id)
    client.hset(f"{PREFIX}job:{job.id}", field, unreadable)
    queue.run(job.id)
    result = result_of(queue, job)
    assert result.status is JobStatus.FAILED
    assert "cannot be read" in result.errors[0]
    assert "has failed" in caplog.text
    queue.submit(following)
    queue.run(following.id)
    assert runner.jobs == [following]
    assert queue.resubmit_lost() == 0


def test_a_duplicate_of_an_earlier_turn_is_dropped(
    valkey_url: str, queue: CeleryJobQueue, client: Any, runner: Runner
) -> None:
    job = a_job("a")
    runner.steps = [lambda _: Unfinished(running(0, 1), 60)]
    queue.submit(job)
    queue.run(job.id)
    with worker(valkey_url):
        until(lambda: not client.exists(f"{PREFIX}celery:jobs") and not client.exists(f"{PREFIX}celery:unacked"))
    assert result_of(queue, job).status is JobStatus.RUNNING
