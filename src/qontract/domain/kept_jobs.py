"""Jobs, as somebody looks at them who runs none: what is known of one, and how each scope is since its last job."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from qontract.domain.jobs import JobProgress, JobResult, JobStatus

UNREADABLE: Literal["unreadable"] = "unreadable"
"""What stands for the status of a job whose record cannot be read, or is signed by somebody else."""

SCOPE_DAYS = 30
"""How long the last job of a scope is known."""


@dataclass(frozen=True)
class JobView:
    """What is known of a job that has not been forgotten.

    `dry_run`: it changes nothing. `submitted_by` is who asked for it, and `reason` why. `attempt`, from 1, is how often
    its slice was begun, and `slice`, from 1, which of them it is; both are 0 before it has begun. `due_at`: it does not
    begin, or go on, before that. `worker_alive`: whether its worker shows life; None while no worker has it.
    `cancelled_by` has asked for its end, be it that it has not ended yet. `unreadable` says why it cannot be read; what
    is known of it nevertheless is there. A list has the result without its actions, and with its first error.
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
        """Whether nothing more is done for it."""
        return self.ended_at is not None or self.result.status.final

    def meets(self, integration: str | None, status: str | None, scope: str | None) -> bool:
        """Say whether it is what somebody looks for; None: whatever it is."""
        return (
            integration in {None, self.integration}
            and status in {None, self.status}
            and (scope is None or scope in self.scopes)
        )


@dataclass(frozen=True)
class ScopeView:
    """How the last job ended that was to change this scope; dry runs do not count, nor what a later job superseded.

    `last_success`: when it was last brought to its desired state; None: not in the time that is known.
    `blocked_digest`: of the plan that a guard stopped, if that is how the last one ended.
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

    `oldest_waiting_seconds` is for how long one of them could have begun, at most.
    """

    waiting: int = 0
    running: int = 0
    oldest_waiting_seconds: float = 0


class CancelOutcome(StrEnum):
    """What came of cancelling a job: it has ended so; it stops before its next action; or nothing was done."""

    CANCELLED = "cancelled"
    STOPPING = "stopping"
    ENDED = "ended"
    UNKNOWN = "unknown"


def cancelled(progress: JobProgress, by: str) -> JobProgress:
    """Return the progress of a job that is cancelled: failed if something was applied, or had failed; else skipped."""
    result = progress.result
    status = JobStatus.FAILED if result.done or result.errors else JobStatus.SKIPPED
    if progress.blocked:
        status = JobStatus.BLOCKED
    ended = result.model_copy(
        update={"status": status, "errors": (cancelled_error(by), *result.errors), "cancelled_by": by}
    )
    return progress.model_copy(update={"result": ended})


def cancelled_error(by: str) -> str:
    """Return what the result of a job says that was cancelled."""
    return f"cancelled by {by}"


def status_of_scope(lock: str, progress: JobProgress) -> JobStatus:
    """Return how a job that ended with this progress ended in the scope of one of its locks."""
    status = progress.result.status
    if lock in progress.blocked:
        return JobStatus.BLOCKED
    if lock in progress.failed:
        return JobStatus.FAILED
    if lock in progress.ended or status is JobStatus.SUCCESS:
        return JobStatus.SUCCESS
    return JobStatus.SKIPPED if status is JobStatus.SKIPPED else JobStatus.FAILED
