import logging

from qontract.application.jobs import run
from qontract.domain.jobs import Job, JobResult, JobStatus
from tests.contracts.job_queue import SUCCESS, Runner, a_job


def broken(job: Job, lost: object) -> JobResult:
    raise LookupError("gone")


def test_the_result_is_what_the_runner_of_the_integration_returned():
    assert run(a_job("a"), {"test": Runner(), "other": broken}, ()) == SUCCESS


def test_a_job_that_lost_every_name_is_skipped_without_its_runner():
    runner = Runner()
    result = run(a_job("a", "b"), {"test": runner}, {"b", "a"})
    assert runner.jobs == []
    assert result.status is JobStatus.SKIPPED
    assert result.errors == tuple(f"{name}: skipped, for a later request has begun" for name in "ab")


def test_a_job_that_excludes_nothing_loses_nothing():
    assert run(a_job(), {"test": Runner()}, ()) == SUCCESS


def test_a_name_that_was_lost_is_an_error_beside_those_of_the_runner():
    runner = Runner(JobResult(status=JobStatus.FAILED, errors=("b: no",), applied_actions=({"x": 1},)))
    result = run(a_job("a", "b"), {"test": runner}, {"a"})
    assert result == JobResult(
        status=JobStatus.FAILED,
        errors=("a: skipped, for a later request has begun", "b: no"),
        applied_actions=({"x": 1},),
    )


def test_a_runner_that_raises_has_failed_with_the_error_and_what_was_lost(caplog):
    result = run(a_job("a", "b"), {"test": broken}, {"b"})
    assert result.status is JobStatus.FAILED
    assert result.errors == ("b: skipped, for a later request has begun", "LookupError: gone")
    assert [(record.levelno, record.exc_info is not None) for record in caplog.records] == [(logging.ERROR, True)]


def test_an_integration_without_a_runner_is_named():
    result = run(a_job(integration="nobody"), {"test": Runner()}, ())
    assert result == JobResult(status=JobStatus.FAILED, errors=("no runner for the integration 'nobody'",))
