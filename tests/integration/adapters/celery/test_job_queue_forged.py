"""Write access to Redis is not write access to the systems: a worker runs no job that is not signed."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from qontract.adapters.celery import CeleryJobQueue
from qontract.adapters.celery.record_signing import FORGED, RecordSigner
from qontract.domain.jobs import Job, JobProgress, JobResult, JobStatus
from tests.contracts.job_queue_runner import Runner, a_job, result_of
from tests.support.jobs import PREFIX, make_queue

OURS, OLD, THEIRS = b"our key", b"the key before it", b"a key of somebody else"


@pytest.fixture
def client(valkey_url: str) -> Any:
    with redis.Redis.from_url(valkey_url) as client:
        yield client


def queue_with(valkey_url: str, runner: Runner, *keys: bytes) -> CeleryJobQueue:
    return make_queue(valkey_url, {"test": runner}, keys=keys or (OURS,))


def put(client: Any, job_id: str, field: str, text: str) -> None:
    client.hset(f"{PREFIX}job:{job_id}", field, text)


def forged() -> float:
    return float(FORGED._value.get())


def refused(queue: CeleryJobQueue, job: Job, runner: Runner) -> None:
    """Run the job, and see that it is not run, and marked as failed."""
    before = forged()
    queue.run(job.id)
    result = result_of(queue, job)
    assert runner.jobs == []
    assert result.status is JobStatus.FAILED
    assert "not signed with the key of this deployment" in result.errors[0]
    assert forged() == before + 1


def test_a_job_that_somebody_wrote_into_redis_is_not_run_but_marked_counted_and_logged(
    valkey_url: str, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    runner = Runner()
    queue, job = queue_with(valkey_url, runner), a_job("a")
    queue.submit(job)
    put(client, job.id, "job", job.model_copy(update={"payload": {"hostile": True}}).model_dump_json())
    caplog.set_level(logging.ERROR)
    refused(queue, job, runner)
    assert job.id in str([record.__dict__ for record in caplog.records])


def test_a_job_that_is_signed_with_another_key_is_not_run(valkey_url: str) -> None:
    runner = Runner()
    queue, job = queue_with(valkey_url, runner), a_job("a")
    queue_with(valkey_url, runner, THEIRS).submit(job)
    refused(queue, job, runner)


def test_the_signed_job_of_another_id_is_not_run_in_its_place(valkey_url: str, client: Any) -> None:
    runner = Runner()
    queue, job, other = queue_with(valkey_url, runner), a_job("a"), a_job("b")
    queue.submit(job)
    put(client, job.id, "job", RecordSigner([OURS]).sign(other.model_dump_json(), "job", other.id))
    refused(queue, job, runner)


def test_a_job_that_was_kept_from_long_ago_is_not_run_again(valkey_url: str) -> None:
    runner = Runner()
    queue = queue_with(valkey_url, runner)
    job = a_job("a").model_copy(update={"submitted_at": datetime.now(UTC) - timedelta(days=8)})
    queue.submit(job)
    refused(queue, job, runner)


def test_progress_that_somebody_wrote_lets_no_plan_past_its_guard(valkey_url: str, client: Any) -> None:
    runner = Runner()
    queue, job = queue_with(valkey_url, runner), a_job("a")
    queue.submit(job)
    put(client, job.id, "progress", JobProgress(removals={"a": 10**6}).model_dump_json())
    refused(queue, job, runner)


def test_a_result_that_somebody_wrote_is_not_shown(valkey_url: str, client: Any) -> None:
    queue, job = queue_with(valkey_url, Runner()), a_job("a")
    queue.submit(job)
    queue.run(job.id)
    assert result_of(queue, job).status is JobStatus.SUCCESS
    put(client, job.id, "progress", JobProgress(result=JobResult(errors=("hostile",))).model_dump_json())
    assert "hostile" not in str(result_of(queue, job))


def test_while_the_key_is_changed_jobs_that_the_old_one_signed_are_run(valkey_url: str) -> None:
    runner = Runner()
    job = a_job("a")
    queue_with(valkey_url, runner, OLD).submit(job)
    queue_with(valkey_url, runner, OURS, OLD).run(job.id)
    assert [ran.id for ran in runner.jobs] == [job.id]
