"""Port: where accepted work waits for a worker."""

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Protocol

from qontract.domain.jobs import Job, JobAbout, JobResult


class JobQueueError(Exception):
    """The queue could not be reached. The message has no secret in it."""


class JobQueue(Protocol):
    """Takes jobs, has each run by the runner of its integration, and keeps the results for a while.

    - A job whose `submit` returned is run, again if its worker is lost; one with a final result is not run again.
    - A job that continues is run again, after the seconds that it says, from its own progress. Between two slices its
      locks are free, and a later job may supersede it.
    - `result` shows how far a job is while it runs: `running`, with what is done and the errors so far.
    - Two jobs that share a lock never run at the same time.
    - Of two such jobs, the one submitted first is not run for that lock once the later one has begun. A job with no
      lock left ends as `skipped`; each lock that is superseded is an error in its result, with the reason.
    - While the body of `locked` runs, no job with that lock does; `False` is what it gets while one is.
    - The memberships that a job read are known to the next one with that lock, unless the job was blocked.
    - A runner that raises makes a `failed` result with the error; it does not break the queue.
    - `result` is None for an id that was never submitted, or that was forgotten: results are kept for a day. `about` is
      known for as long.
    """

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Accept the job. Raises JobQueueError if that is not certain."""

    @abstractmethod
    def result(self, job_id: str) -> JobResult | None:
        """Return how far the job has come. Raises JobQueueError."""

    @abstractmethod
    def about(self, job_id: str) -> JobAbout | None:
        """Return what the job is about. Raises JobQueueError."""

    @abstractmethod
    def locked(self, lock: str) -> AbstractContextManager[bool]:
        """Keep the jobs of this lock waiting, unless one is being run. Raises JobQueueError."""

    @abstractmethod
    def resubmit_lost(self) -> int:
        """Run again the jobs whose worker is lost, and say how many. Raises JobQueueError.

        A queue that loses none has none.
        """
