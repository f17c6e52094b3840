"""Run a job, whatever queue it comes from."""

import logging
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from qontract.application import tracing
from qontract.domain.job_views import cancelled
from qontract.domain.jobs import Job, JobProgress, JobStatus, cut

log = logging.getLogger(__name__)


class JobSlice(Protocol):
    """The queue's side of one slice of a job: what the job may do now, and the progress of earlier slices.

    `progress` is that of the slice before; it is empty in the first slice. `superseded` has the locks that a later job
    has taken for good.
    """

    progress: JobProgress
    superseded: Collection[str]

    @property
    @abstractmethod
    def over(self) -> bool:
        """Whether the time of the slice is over: the rest is left to the next slice."""

    @abstractmethod
    def holds(self, lock: str) -> bool:
        """Whether the job certainly holds this lock. A process that was stopped for a while may have lost it."""

    @abstractmethod
    def cancelled_by(self) -> str | None:
        """Return who has cancelled the job; None if nobody has. It is asked before each action."""

    @abstractmethod
    def memberships(self, lock: str) -> int | None:
        """Return how many memberships the scope had in the last job that was not blocked; None if not known."""

    @abstractmethod
    def show(self, progress: Callable[[], JobProgress]) -> None:
        """Show the progress to everybody who asks for the result, and to the next slice if this one dies.

        `progress` is called only when it is time to show it again: about once a second.
        """


@dataclass(frozen=True)
class Unfinished:
    """A job that has not ended. Its next slice begins in so many seconds."""

    progress: JobProgress
    seconds: float = 0


Runner = Callable[[Job, JobSlice], JobProgress | Unfinished]
"""Does one slice of a job, without the locks that are superseded."""

Runners = Mapping[str, Runner]
"""The runner of each integration, by its name."""


def run(job: Job, runners: Runners, job_slice: JobSlice) -> JobProgress | Unfinished:
    """Run one slice of the job, without superseded locks; return its final progress, or that it continues.

    A cancelled job ends before its runner is called. If the runner raises, the job ends as failed, with the progress
    that it has shown.
    """
    ended = _run(job, runners, job_slice)
    status = JobStatus.RUNNING if isinstance(ended, Unfinished) else ended.result.status
    tracing.job_ended(status, failed=status is JobStatus.FAILED)
    return ended


def _run(job: Job, runners: Runners, job_slice: JobSlice) -> JobProgress | Unfinished:
    reasons = tuple(f"{lock}: superseded, for a later request has begun" for lock in sorted(job_slice.superseded))
    if job.locks and set(job.locks) <= set(job_slice.superseded):
        return _ended(job_slice.progress, JobStatus.SKIPPED, reasons)
    if by := job_slice.cancelled_by():
        return cancelled(job_slice.progress, by)
    runner = runners.get(job.integration)
    if runner is None:
        return _ended(
            job_slice.progress, JobStatus.FAILED, (*reasons, f"no integration {job.integration!r} is installed")
        )
    try:
        progress = runner(job, job_slice)
    except Exception as error:
        log.exception("job failed", extra={"job_id": job.id})
        return _ended(job_slice.progress, JobStatus.FAILED, (*reasons, f"{type(error).__name__}: {error}"))
    if isinstance(progress, Unfinished):
        return progress
    result = progress.result
    status = JobStatus.SKIPPED if job_slice.superseded and result.status is JobStatus.SUCCESS else result.status
    return _ended(progress, status, reasons)


def _ended(progress: JobProgress, status: JobStatus, errors: tuple[str, ...]) -> JobProgress:
    result = progress.result
    ended = result.model_copy(update={"status": status, "errors": (*map(cut, errors), *result.errors)})
    return progress.model_copy(update={"result": ended})


def failed_progress(progress: JobProgress, error: str) -> JobProgress:
    """Return the progress of a job that ends here, for this reason."""
    return _ended(progress, JobStatus.FAILED, (error,))
