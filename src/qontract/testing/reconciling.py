"""For authors' tests: run an integration in this process, all slices in a row."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from qontract.application.event_manager import EventManager
from qontract.application.guards import Guards
from qontract.application.jobs import JobSlice, Unfinished, run
from qontract.application.ports.integration import AnyIntegration
from qontract.application.reconcile import job
from qontract.application.reconcile import reconcile as one_slice
from qontract.domain.jobs import JobProgress, JobResult


@dataclass
class InMemoryJobSlice(JobSlice):
    """A slice that nothing interrupts, unless a test says so.

    - `slice_actions`: the slice is over after so many actions.
    - `lapsed`: locks that are not held any more.
    - `known`: the memberships that an earlier job has read, by lock.
    - `shown`: all progress that was shown so far.
    - `cancels`: who cancels the job after `cancel_after` actions.
    """

    progress: JobProgress = field(default_factory=JobProgress)
    superseded: Collection[str] = ()
    slice_actions: int | None = None
    lapsed: Collection[str] = ()
    known: dict[str, int] = field(default_factory=dict)
    shown: list[JobProgress] = field(default_factory=list)
    cancels: str | None = None
    cancel_after: int = 0

    @property
    def over(self) -> bool:
        """Whether the slice has had so many actions."""
        return self.slice_actions is not None and len(self.shown) >= self.slice_actions

    def holds(self, lock: str) -> bool:
        """Whether the lock has not lapsed."""
        return lock not in self.lapsed

    def cancelled_by(self) -> str | None:
        """Return who cancels the job, after so many actions."""
        return self.cancels if len(self.shown) >= self.cancel_after else None

    def memberships(self, lock: str) -> int | None:
        """Return the known memberships."""
        return self.known.get(lock)

    def show(self, progress: Callable[[], JobProgress]) -> None:
        """Remember the progress."""
        self.shown.append(progress())


def reconcile(
    integration: AnyIntegration,
    desired: Mapping[str, Any],
    *,
    events: EventManager | None = None,
    guards: Guards | None = None,
    job_slice: InMemoryJobSlice | None = None,
    requested_by: str | None = None,
    correlation_id: str | None = None,
) -> JobResult:
    """Reconcile the desired state, as a request has it, and return the result. Without `dry_run` it is applied.

    It runs slice after slice, as the queue does but without pauses, until the job has ended.
    """
    model = integration.desired.model_validate({"dry_run": False, **desired})
    work = job(type(integration), model, correlation_id=correlation_id, requested_by=requested_by)
    job_slice = job_slice or InMemoryJobSlice()
    runners = {
        integration.name: lambda job, job_slice: one_slice(
            job, job_slice, integration=integration, events=events, guards=guards
        )
    }
    while isinstance(ended := run(work, runners, job_slice), Unfinished):
        job_slice.progress, job_slice.shown = ended.progress, []
    if not model.dry_run and not ended.blocked:
        job_slice.known |= ended.memberships
    return ended.result
