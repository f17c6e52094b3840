"""Port: where accepted work waits for a worker."""

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Protocol

from qontract.domain.jobs import Job, JobResult


class JobQueueError(Exception):
    """The queue could not be reached. The message has no secret in it."""


class JobQueue(Protocol):
    """Takes jobs, has each run by the runner of its integration, and keeps the results for a while.

    - A job whose `submit` returned is run, again if its worker is lost; one with a final result is not run again.
    - Two jobs that share a name in `exclusive` never run at the same time.
    - Of two such jobs, the one submitted first is not run for that name once the later one has begun. A job with no
      name left ends as `skipped`; each name that it lost is an error in its result, with the reason.
    - While the body of `exclusively` runs, no job of that name is; `False` is what it gets while one is.
    - A runner that raises makes a `failed` result with the error; it does not break the queue.
    - `result` is None for an id that was never submitted, or that was forgotten: results are kept for a day.
    """

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Accept the job. Raises JobQueueError if that is not certain."""

    @abstractmethod
    def result(self, job_id: str) -> JobResult | None:
        """Return how far the job has come. Raises JobQueueError."""

    @abstractmethod
    def exclusively(self, name: str) -> AbstractContextManager[bool]:
        """Keep the jobs of this exclusive name waiting, unless one is being run. Raises JobQueueError."""
