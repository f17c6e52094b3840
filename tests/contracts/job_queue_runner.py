"""What the tests of job queues run."""

from collections.abc import Callable
from typing import Protocol

from qontract.application.jobs import JobSlice, Unfinished
from qontract.application.ports.job_queue import JobQueue
from qontract.domain.jobs import Job, JobProgress, JobResult, JobStatus

SUCCESS = JobResult(status=JobStatus.SUCCESS)


class HeldJobQueue(JobQueue, Protocol):
    """A queue that runs a slice of a job when the test says so; False: not now, another has what it changes."""

    def run(self, job_id: str) -> bool: ...


class Runner:
    """Remembers what it was given, and ends with `result`; or does what the next of `steps` does."""

    def __init__(self, result: JobResult = SUCCESS) -> None:
        self.result = result
        self.jobs: list[Job] = []
        self.superseded: list[set[str]] = []
        self.steps: list[Callable[[JobSlice], JobProgress | Unfinished]] = []

    def __call__(self, job: Job, job_slice: JobSlice) -> JobProgress | Unfinished:
        self.jobs.append(job)
        self.superseded.append(set(job_slice.superseded))
        return self.steps.pop(0)(job_slice) if self.steps else JobProgress(result=self.result)


def a_job(*locks: str, integration: str = "test", correlation_id: str | None = None) -> Job:
    """Return a job with these locks."""
    payload = {"text": "é", "n": [1, None]}
    return Job(integration=integration, payload=payload, locks=locks, correlation_id=correlation_id)


def running(done: int, of: int, *errors: str, **more: object) -> JobProgress:
    """Return the progress of a job that is running."""
    result = JobResult(status=JobStatus.RUNNING, done=done, of=of, errors=errors)
    return JobProgress.model_validate({"result": result, **more})


def result_of(queue: JobQueue, job: Job) -> JobResult:
    """Return the result of a job that the queue knows."""
    result = queue.result(job.id)
    assert result
    return result
