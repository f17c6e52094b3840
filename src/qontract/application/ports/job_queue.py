"""Port: the queue in which accepted jobs wait for a worker."""

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Protocol

from qontract.domain.jobs import Job, JobMetadata, JobResult


class JobQueueError(Exception):
    """The queue could not be reached. The message has no secret in it."""


class JobQueue(Protocol):
    """Accepts jobs, runs each with the runner of its integration, and keeps the results for a day.

    - When `submit` has returned, the job will be run; again, if its worker dies. A job with a final result is not run
      again.
    - A job that continues is run again after the seconds that it asked for, with its own progress. Between two slices
      its locks are free, and a later job may supersede it.
    - While a job runs, `result` is `running`, with the applied actions and the errors so far.
    - Two jobs that share a lock never run at the same time.
    - When the later one of two such jobs has begun, the earlier one does not run for that lock any more. A job without
      any lock left ends as `skipped`. Each superseded lock is an error in its result, with the reason.
    - `locked` yields True, and no job with that lock runs until the block ends; it yields False if such a job runs now.
    - The memberships that a job has read are given to the next job with that lock, unless the job was blocked.
    - If a runner raises, the result is `failed`, with the error; the queue goes on.
    - `result` and `about` are None for an id that was never submitted, or whose result is older than a day.
    """

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Accept the job. Raises JobQueueError if that is not certain."""

    @abstractmethod
    def result(self, job_id: str) -> JobResult | None:
        """Return the result of the job so far. Raises JobQueueError."""

    @abstractmethod
    def about(self, job_id: str) -> JobMetadata | None:
        """Return the job without its payload. Raises JobQueueError."""

    @abstractmethod
    def locked(self, lock: str) -> AbstractContextManager[bool]:
        """Hold the lock, unless a job does. Raises JobQueueError."""

    @abstractmethod
    def resubmit_lost(self) -> int:
        """Run the jobs of dead workers again; return how many there were. Raises JobQueueError."""
