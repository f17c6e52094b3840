"""Port: the jobs, for people who look at them and cancel them."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Protocol

from qontract.domain.job_views import CancelOutcome, JobCounts, JobView, ScopeView


class JobAdminError(Exception):
    """The jobs could not be reached. The message has no secret in it."""


class JobAdmin(Protocol):
    """All jobs that are still known: a week for those that have not ended, a day for ended ones.

    - `list` yields the newest first, and reads a few at a time while they are asked for. It looks at the newest 10,000
      only. `status` is a status of jobs, or `unreadable`. If a job ends meanwhile, it may be listed in either state.
    - A record that cannot be read, or is not signed by this deployment, has the status `unreadable`, and does not
      affect the others.
    - `scopes` returns each scope whose last job ended within the last 30 days, by name; of very many, the latest
      10,000.
    - `cancel` may be called again: the first one who did it is remembered. A waiting job, also between two slices, ends
      at once, and never begins again. A running job ends before its next action; if there is no next one, it ends as if
      it had not been cancelled. Applied actions stay in its result. A job that has already ended is not changed.
    - JobAdminError, and nothing else, is raised.
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
        """Return one job; None if it was never submitted, or is too old. Any text may be an id."""

    @abstractmethod
    def scopes(self) -> Sequence[ScopeView]:
        """Return how the last job of each scope ended."""

    @abstractmethod
    def cancel(self, job_id: str, by: str) -> CancelOutcome:
        """Cancel the job in the name of `by`."""

    @abstractmethod
    def counts(self) -> JobCounts:
        """Return how many jobs wait and run."""
