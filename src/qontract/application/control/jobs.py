"""Use case: look at jobs, and cancel one. The log says who cancelled it."""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice, takewhile

from qontract.application.ports.job_admin import JobAdmin
from qontract.domain.job_views import CancelOutcome, JobView

log = logging.getLogger(__name__)

_LOOKED_AT = 10_000


class UnknownJobError(Exception):
    """There is no job with this id, or it is too old."""


class EndedJobError(Exception):
    """The job had ended before it could be cancelled. The message says how."""


class JobControl:
    """Controls the jobs of `kept`. Raises JobAdminError, and UnknownJobError if there is no such job."""

    def __init__(self, kept: JobAdmin) -> None:
        self._kept = kept

    def latest(
        self,
        *,
        limit: int,
        integration: str | None = None,
        status: str | None = None,
        scope: str | None = None,
        since: datetime | None = None,
        visible: Callable[[JobView], bool] = lambda _: True,
    ) -> Iterator[JobView]:
        """Yield the jobs that meet all conditions and are `visible` to the caller, newest first."""
        views = self._kept.list(limit=_LOOKED_AT, integration=integration, status=status, scope=scope)
        young = takewhile(lambda view: not (since and view.submitted_at) or view.submitted_at >= since, views)
        return islice(filter(visible, young), limit)

    def get(self, job_id: str) -> JobView:
        """Return a job."""
        view = self._kept.get(job_id)
        if view is None:
            raise UnknownJobError(job_id)
        return view

    def cancel(self, job_id: str, *, by: str) -> CancelOutcome:
        """End a job: `cancelled` if no worker had it, else `stopping`. Raises EndedJobError.

        If the job was already cancelled, the answer is the same, and nothing is logged.
        """
        known = self._kept.get(job_id)
        outcome = self._kept.cancel(job_id, by)
        if outcome is CancelOutcome.UNKNOWN:
            raise UnknownJobError(job_id)
        if outcome is CancelOutcome.ENDED:
            raise EndedJobError(f"it has ended: {self.get(job_id).status}")
        if known is None or known.cancelled_by is None:
            log.info("job cancelled", extra={"job_id": job_id, "by": by, "outcome": outcome.value})
        return outcome
