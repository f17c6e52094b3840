"""Port: the jobs, as somebody looks at them and cancels them who runs none."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Protocol

from qontract.domain.kept_jobs import CancelOutcome, JobCounts, JobView, ScopeView


class KeptJobsError(Exception):
    """The jobs could not be reached. The message has no secret in it."""


class KeptJobs(Protocol):
    """All jobs that are not forgotten: those that have not ended, for a week, and results, for a day.

    - `list` has the newest first; it looks at no more than the newest 10,000, and reads some at a time, as they are
      asked for. `status` is one of the statuses, or `unreadable`. A job that ends or is forgotten meanwhile is told as
      it is when it is read, or left out.
    - What cannot be read, or is not signed by this deployment, takes nothing from the others: its status is
      `unreadable`.
    - `scopes` has each scope whose last job ended in the last 30 days, in order; of very many, the latest 10,000.
    - `cancel` may be called again: who did it first is remembered. A job that waits, be it between two slices, ends at
      once and never begins again. One that runs ends before its next action; if that was its last, it ends as if it had
      not been cancelled. What was applied stays in its result. Of a job that had ended otherwise, nothing is changed.
    - KeptJobsError, and nothing else, is raised.
    """

    @abstractmethod
    def list(
        self,
        *,
        limit: int,
        integration: str | None = None,
        status: str | None = None,
        scope: str | None = None,
    ) -> Iterable[JobView]:
        """Return at most so many jobs, newest first."""

    @abstractmethod
    def get(self, job_id: str) -> JobView | None:
        """Return one job; None if it was never submitted, or is forgotten, whatever text its id is."""

    @abstractmethod
    def scopes(self) -> Sequence[ScopeView]:
        """Return how each scope is."""

    @abstractmethod
    def cancel(self, job_id: str, by: str) -> CancelOutcome:
        """End the job, for `by` wants it so."""

    @abstractmethod
    def counts(self) -> JobCounts:
        """Return how many jobs wait and run."""
