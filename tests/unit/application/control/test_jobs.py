import logging
from datetime import UTC, datetime, timedelta

import pytest

from qontract.adapters.memory import InMemoryJobAdmin, InMemoryJobQueue
from qontract.application.control.jobs import EndedJobError, JobControl, UnknownJobError
from qontract.domain.job_views import CancelOutcome
from qontract.domain.jobs import Job
from tests.contracts.job_queue_runner import Runner, a_job

HOUR = timedelta(hours=1)


@pytest.fixture
def queue() -> InMemoryJobQueue:
    return InMemoryJobQueue({"test": Runner()}, hold=True)


@pytest.fixture
def jobs(queue: InMemoryJobQueue) -> JobControl:
    return JobControl(InMemoryJobAdmin(queue))


def submitted(queue: InMemoryJobQueue, hours_ago: int = 0) -> Job:
    job = a_job("test/a").model_copy(update={"submitted_at": datetime.now(UTC) - hours_ago * HOUR})
    queue.submit(job)
    return job


def test_only_what_was_submitted_since_then_and_is_visible_is_found(queue: InMemoryJobQueue, jobs: JobControl) -> None:
    ids = [submitted(queue, hours_ago).id for hours_ago in (3, 2, 1)]
    since = datetime.now(UTC) - 2.5 * HOUR
    assert [view.id for view in jobs.latest(limit=9, since=since)] == [ids[2], ids[1]]
    assert [view.id for view in jobs.latest(limit=1, visible=lambda view: view.id != ids[2])] == [ids[1]]


def test_who_cancelled_is_logged_once(
    queue: InMemoryJobQueue, jobs: JobControl, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    job = submitted(queue)
    for by in ("alice", "bob"):
        assert jobs.cancel(job.id, by=by) is CancelOutcome.CANCELLED
    [logged] = [record.__dict__ for record in caplog.records if record.message == "job cancelled"]
    assert (logged["job_id"], logged["by"], logged["outcome"]) == (job.id, "alice", "cancelled")


def test_a_job_that_has_ended_is_not_cancelled_and_it_is_said_how_it_ended(
    queue: InMemoryJobQueue, jobs: JobControl
) -> None:
    job = submitted(queue)
    queue.run(job.id)
    with pytest.raises(EndedJobError, match="it has ended: success"):
        jobs.cancel(job.id, by="alice")


def test_an_id_that_is_none_is_unknown(jobs: JobControl) -> None:
    with pytest.raises(UnknownJobError):
        jobs.get("8c6f")
    with pytest.raises(UnknownJobError):
        jobs.cancel("8c6f", by="alice")
