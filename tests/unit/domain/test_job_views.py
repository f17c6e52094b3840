"""What a job is that somebody has cancelled."""

from datetime import UTC, datetime

import pytest

from qontract.domain.job_views import JobView, cancelled, status_of_scope
from qontract.domain.jobs import JobProgress, JobResult, JobStatus

BEGUN = JobResult(status=JobStatus.RUNNING, done=1, of=3)
FAILING = JobResult(status=JobStatus.RUNNING, of=3, errors=("acme: no such user",))
PLANNED = JobResult(status=JobStatus.RUNNING, of=3)


@pytest.mark.parametrize(
    ("progress", "status"),
    [
        (JobProgress(result=PLANNED), JobStatus.SKIPPED),
        (JobProgress(result=BEGUN), JobStatus.FAILED),
        (JobProgress(result=FAILING), JobStatus.FAILED),
        (JobProgress(result=BEGUN, blocked={"acme": "9f86"}), JobStatus.BLOCKED),
    ],
    ids=["nothing was done", "an action was applied", "an action failed", "a guard stopped a part of it"],
)
def test_its_status_tells_what_was_done_before(progress: JobProgress, status: JobStatus) -> None:
    ended = cancelled(progress, "alice").result
    assert (ended.status, ended.cancelled_by) == (status, "alice")
    assert "alice" in ended.errors[0]
    assert ended.errors[1:] == progress.result.errors


def test_each_scope_of_a_job_ends_in_its_own_way() -> None:
    progress = JobProgress(result=JobResult(status=JobStatus.SUCCESS), blocked={"a": "9f86"}, failed=frozenset({"b"}))
    found = [status_of_scope(lock, progress) for lock in ("a", "b", "c")]
    assert found == [JobStatus.BLOCKED, JobStatus.FAILED, JobStatus.SUCCESS]


@pytest.mark.parametrize(
    ("view", "ended"),
    [
        (JobView("1", JobStatus.RUNNING), False),
        (JobView("1", JobStatus.RUNNING, ended_at=datetime(2026, 1, 31, tzinfo=UTC)), True),
        (JobView("1", JobStatus.SUCCESS, result=JobResult(status=JobStatus.SUCCESS)), True),
    ],
)
def test_a_job_has_ended_if_its_record_or_its_result_says_so(view: JobView, ended: bool) -> None:
    assert view.ended is ended
