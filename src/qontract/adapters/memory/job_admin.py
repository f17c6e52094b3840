"""In memory: the jobs of a queue, for people who look at them and cancel them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from time import monotonic
from typing import Protocol

from qontract.adapters.memory.job_record import Record
from qontract.application.ports.job_admin import JobAdmin
from qontract.domain.job_views import CancelOutcome, JobCounts, JobView, ScopeView
from qontract.domain.jobs import JobResult


class _Queue(Protocol):
    records: dict[str, Record]
    scopes: dict[str, ScopeView]

    def result(self, job_id: str) -> JobResult | None: ...

    def cancel(self, job_id: str, by: str) -> CancelOutcome: ...


class InMemoryJobAdmin(JobAdmin):
    """The jobs of `queue`, which keeps all of them."""

    def __init__(self, queue: _Queue) -> None:
        self._queue = queue

    def list(
        self, *, limit: int, integration: str | None = None, status: str | None = None, scope: str | None = None
    ) -> Iterable[JobView]:
        """Return the jobs, newest first."""
        views = (self._view(record, whole=False) for record in reversed(self._records()))
        return islice((view for view in views if view.meets(integration, status, scope)), limit)

    def get(self, job_id: str) -> JobView | None:
        """Return one job."""
        record = self._queue.records.get(job_id)
        return None if record is None else self._view(record)

    def scopes(self) -> Sequence[ScopeView]:
        """Return how the last job of each scope ended."""
        return [self._queue.scopes[lock] for lock in sorted(self._queue.scopes)]

    def cancel(self, job_id: str, by: str) -> CancelOutcome:
        """Cancel the job."""
        return self._queue.cancel(job_id, by)

    def counts(self) -> JobCounts:
        """Return how many jobs wait and run."""
        open_jobs = [record for record in self._records() if not record.ended_at]
        waiting = [record for record in open_jobs if not record.running]
        oldest = max(map(_waiting_seconds, waiting), default=0.0)
        return JobCounts(len(waiting), len(open_jobs) - len(waiting), max(0.0, oldest))

    def _records(self) -> Sequence[Record]:
        return tuple(self._queue.records.values())

    def _view(self, record: Record, *, whole: bool = True) -> JobView:
        result = self._queue.result(record.job.id) or record.progress.result
        about = record.job.about()
        wait = record.due - monotonic()
        return JobView(
            id=record.job.id,
            status=result.status,
            integration=about.integration,
            scopes=about.scopes,
            dry_run=about.dry_run,
            submitted_at=about.submitted_at,
            submitted_by=about.requested_by,
            reason=about.reason,
            correlation_id=about.correlation_id,
            began_at=record.began_at,
            ended_at=record.ended_at,
            due_at=datetime.now(UTC) + timedelta(seconds=wait) if wait > 0 and not record.ended_at else None,
            attempt=record.attempt,
            slice=record.slice,
            worker_alive=True if record.running else None,
            cancelled_by=record.cancelled_by,
            result=result if whole else result.summary(),
        )


def _waiting_seconds(record: Record) -> float:
    """Return how long the job has been ready to begin or continue."""
    if record.due:
        return monotonic() - record.due
    return (datetime.now(UTC) - record.job.submitted_at).total_seconds()
