import logging
from collections.abc import Callable, Collection

import pytest

from qontract.application import tracing
from qontract.application.jobs import JobSlice, Unfinished, failed_progress, run
from qontract.domain.jobs import Job, JobProgress, JobResult, JobStatus
from tests.contracts.job_queue_runner import SUCCESS, Runner, a_job, running
from tests.support.traces import recording

HALF = running(1, 2, "é", finished={"k"}, memberships={"a": 3})


class FixedJobSlice(JobSlice):
    """A slice whose progress and superseded locks the test says."""

    over = False
    cancels: str | None = None

    def __init__(self, *superseded: str, progress: JobProgress | None = None) -> None:
        self.progress = progress or JobProgress()
        self.superseded: Collection[str] = superseded

    def holds(self, lock: str) -> bool:
        return lock not in self.superseded

    def cancelled_by(self) -> str | None:
        return self.cancels

    def memberships(self, lock: str) -> int | None:
        return None

    def show(self, progress: Callable[[], JobProgress]) -> None:
        self.progress = progress()


def broken(job: Job, job_slice: JobSlice) -> JobProgress:
    raise LookupError("gone")


def ended(progress: JobProgress | Unfinished) -> JobResult:
    """Return the result of a job that has ended."""
    assert isinstance(progress, JobProgress)
    return progress.result


def test_the_result_is_what_the_runner_of_the_integration_returned() -> None:
    assert ended(run(a_job("a"), {"test": Runner(), "other": broken}, FixedJobSlice())) == SUCCESS


def test_a_job_that_continues_is_what_the_runner_returned() -> None:
    runner, continues = Runner(), Unfinished(HALF, 3)
    runner.steps = [lambda _: continues]
    assert run(a_job("a", "b"), {"test": runner}, FixedJobSlice("a")) is continues


def test_a_job_whose_every_lock_is_superseded_is_skipped_without_its_runner_and_keeps_what_was_done() -> None:
    runner = Runner()
    result = ended(run(a_job("a", "b"), {"test": runner}, FixedJobSlice("b", "a", progress=HALF)))
    assert runner.jobs == []
    reasons = tuple(f"{name}: superseded, for a later request has begun" for name in "ab")
    assert result == JobResult(status=JobStatus.SKIPPED, done=1, of=2, errors=(*reasons, "é"))


def test_a_job_that_locks_nothing_is_never_superseded() -> None:
    assert ended(run(a_job(), {"test": Runner()}, FixedJobSlice())) == SUCCESS


@pytest.mark.parametrize(
    ("status", "expected"),
    [("success", "skipped"), ("failed", "failed"), ("blocked", "blocked"), ("skipped", "skipped")],
)
def test_a_lock_that_is_superseded_is_an_error_beside_those_of_the_runner(status: str, expected: str) -> None:
    runner = Runner(JobResult(status=JobStatus(status), errors=("b: no",), applied_actions=({"x": 1},)))
    assert ended(run(a_job("a", "b"), {"test": runner}, FixedJobSlice("a"))) == JobResult(
        status=JobStatus(expected),
        errors=("a: superseded, for a later request has begun", "b: no"),
        applied_actions=({"x": 1},),
    )


def test_a_runner_that_raises_has_failed_with_the_error_and_what_it_had_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def show_and_raise(job: Job, job_slice: JobSlice) -> JobProgress:
        job_slice.show(lambda: HALF)
        raise LookupError("gone")

    progress = run(a_job("a", "b"), {"test": show_and_raise}, FixedJobSlice("b"))
    errors = ("b: superseded, for a later request has begun", "LookupError: gone", "é")
    assert ended(progress) == JobResult(status=JobStatus.FAILED, done=1, of=2, errors=errors)
    assert isinstance(progress, JobProgress)
    assert progress.memberships == HALF.memberships
    assert [(record.levelno, record.exc_info is not None) for record in caplog.records] == [(logging.ERROR, True)]


def test_an_integration_that_is_not_installed_is_named() -> None:
    result = ended(run(a_job(integration="nobody"), {"test": Runner()}, FixedJobSlice()))
    assert result == JobResult(status=JobStatus.FAILED, errors=("no integration 'nobody' is installed",))


def test_a_job_that_ends_here_has_failed_for_the_reason_beside_its_other_errors() -> None:
    assert failed_progress(HALF, "lost").result == JobResult(
        status=JobStatus.FAILED, done=1, of=2, errors=("lost", "é")
    )
    assert failed_progress(HALF, "lost").finished == HALF.finished


def test_the_span_of_a_slice_has_the_status_of_its_job_and_has_failed_if_the_job_has() -> None:
    runner = Runner()
    runner.steps = [lambda _: Unfinished(HALF, 3)]
    with recording() as tracer:
        for runners in ({"test": runner}, {"test": Runner()}, {"test": broken}):
            with tracing.job_slice(a_job("a")):
                run(a_job("a"), runners, FixedJobSlice())
    assert [(span.attributes["qontract.job.status"], span.error) for span in tracer.spans] == [
        ("running", None),
        ("success", None),
        ("failed", "failed"),
    ]
