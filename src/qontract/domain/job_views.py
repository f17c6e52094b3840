"""Views of jobs for people who look at them: what is known of a job, and how the last job of each scope ended."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from qontract.domain.jobs import JobProgress, JobResult, JobStatus

UNREADABLE: Literal["unreadable"] = "unreadable"
"""The status of a job whose record cannot be read, or has a wrong signature."""

SCOPE_DAYS = 30
"""For how many days the last job of a scope is known."""


@dataclass(frozen=True)
class JobView:
    """What is known of a job.

    - `submitted_by` and `reason` say who asked for it, and why.
    - `slice` is the number of its slice, and `attempt` how often this slice was begun; both are 0 before the job
      begins.
    - `due_at`: it does not begin, or go on, before that time.
    - `worker_alive`: whether its worker shows life; None while no worker has it.
    - `cancelled_by` has cancelled it; perhaps it has not ended yet.
    - `unreadable` says why its record cannot be read. The other fields have what is known nevertheless.
    - In a list, `result` has no actions, and only the first error.
    """

    id: str
    status: JobStatus | Literal["unreadable"]
    integration: str = ""
    scopes: tuple[str, ...] = ()
    dry_run: bool = False
    submitted_at: datetime | None = None
    submitted_by: str | None = None
    reason: str | None = None
    correlation_id: str | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None
    due_at: datetime | None = None
    attempt: int = 0
    slice: int = 0
    worker_alive: bool | None = None
    cancelled_by: str | None = None
    result: JobResult = field(default_factory=JobResult)
    unreadable: str = ""

    @property
    def ended(self) -> bool:
        """Whether the job has ended."""
        return self.ended_at is not None or self.result.status.final

    def meets(self, integration: str | None, status: str | None, scope: str | None) -> bool:
        """Return whether the job meets all conditions; None is no condition."""
        return (
            integration in {None, self.integration}
            and status in {None, self.status}
            and (scope is None or scope in self.scopes)
        )


@dataclass(frozen=True)
class ScopeView:
    """How the last job of a scope ended. Dry runs and superseded jobs do not count.

    `last_success` is when the scope was last brought to its desired state; None if no such time is known.
    `blocked_digest` is the digest of the plan that a guard stopped, if the last job ended so.
    """

    integration: str
    scope: str
    last_ended: datetime
    last_status: JobStatus
    last_success: datetime | None
    job_id: str
    blocked_digest: str | None = None


@dataclass(frozen=True)
class JobCounts:
    """How many jobs wait (for a worker, for a lock, or for a pause to end), and how many run.

    `oldest_waiting_seconds`: since when the first of the waiting jobs could have begun.
    """

    waiting: int = 0
    running: int = 0
    oldest_waiting_seconds: float = 0


class CancelOutcome(StrEnum):
    """What cancelling a job did: it ended at once; it stops before its next action; or nothing."""

    CANCELLED = "cancelled"
    STOPPING = "stopping"
    ENDED = "ended"
    UNKNOWN = "unknown"


def cancelled(progress: JobProgress, by: str) -> JobProgress:
    """Return the progress of a cancelled job: failed if an action was applied or has failed, else skipped."""
    result = progress.result
    status = JobStatus.FAILED if result.done or result.errors else JobStatus.SKIPPED
    if progress.blocked:
        status = JobStatus.BLOCKED
    ended = result.model_copy(
        update={"status": status, "errors": (cancelled_error(by), *result.errors), "cancelled_by": by}
    )
    return progress.model_copy(update={"result": ended})


def cancelled_error(by: str) -> str:
    """Return the error in the result of a cancelled job."""
    return f"cancelled by {by}"


def status_of_scope(lock: str, progress: JobProgress) -> JobStatus:
    """Return how the job ended in the scope of one of its locks."""
    status = progress.result.status
    if lock in progress.blocked:
        return JobStatus.BLOCKED
    if lock in progress.failed:
        return JobStatus.FAILED
    if lock in progress.ended or status is JobStatus.SUCCESS:
        return JobStatus.SUCCESS
    return JobStatus.SKIPPED if status is JobStatus.SKIPPED else JobStatus.FAILED
