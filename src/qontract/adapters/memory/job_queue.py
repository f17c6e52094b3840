"""In memory: a job runs when it is submitted, or when a test says so."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from threading import Lock
from time import monotonic

from qontract.adapters.memory.job_admin import InMemoryJobAdmin
from qontract.adapters.memory.job_record import Record
from qontract.application import tracing
from qontract.application.jobs import JobSlice, Runners, Unfinished, run
from qontract.application.ports.job_queue import JobQueue
from qontract.domain.job_views import CancelOutcome, ScopeView, cancelled, status_of_scope
from qontract.domain.jobs import Job, JobMetadata, JobProgress, JobResult, JobStatus


class _JobSlice(JobSlice):
    over = False

    def __init__(self, record: Record, superseded: Collection[str], memberships: dict[str, int]) -> None:
        self.progress: JobProgress = record.progress
        self.superseded = superseded
        self._record = record
        self._memberships = memberships
        self._shown_at = float("-inf")

    def holds(self, lock: str) -> bool:
        return lock in self._record.job.locks and lock not in self.superseded

    def cancelled_by(self) -> str | None:
        return self._record.cancelled_by

    def memberships(self, lock: str) -> int | None:
        return self._memberships.get(lock) if lock in self._record.job.locks else None

    def show(self, progress: Callable[[], JobProgress]) -> None:
        if monotonic() >= self._shown_at + 1:
            self._shown_at = monotonic()
            self._record.progress = self.progress = progress()


class InMemoryJobQueue(JobQueue):
    """Runs each job to its end at once, or slice by slice in `run` if `hold` is set."""

    def __init__(self, runners: Runners, *, hold: bool = False) -> None:
        self._runners = runners
        self._hold = hold
        self._lock = Lock()
        self.records: dict[str, Record] = {}
        self.scopes: dict[str, ScopeView] = {}
        """How the last job ended in the scope of each lock."""
        self._begun: dict[str, int] = {}
        self._memberships: dict[str, int] = {}
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)

    @property
    def kept(self) -> InMemoryJobAdmin:
        """Its jobs, to look at them and cancel them."""
        return InMemoryJobAdmin(self)

    def submit(self, job: Job) -> None:
        """Accept the job."""
        with self._lock:
            record = self.records.setdefault(job.id, Record(len(self.records) + 1, job))
        while not self._hold and not record.progress.result.status.final:
            record.due = 0
            self.run(job.id)

    def result(self, job_id: str) -> JobResult | None:
        """Return the result of the job so far."""
        record = self.records.get(job_id)
        if record is None:
            return None
        result = record.progress.result
        return result.model_copy(update={"status": JobStatus.RUNNING}) if record.running else result

    def about(self, job_id: str) -> JobMetadata | None:
        """Return the job without its payload."""
        record = self.records.get(job_id)
        return None if record is None else record.job.about()

    def run(self, job_id: str) -> bool:
        """Run a slice of a job, unless it has ended; wait for its locks. Return False if it is not due yet."""
        record = self.records[job_id]
        with ExitStack() as running:
            for name in sorted(set(record.job.locks)):
                running.enter_context(self._locks[name])
            with self._lock:
                if record.progress.result.status.final:
                    return True
                if record.due > monotonic():
                    return False
                record.running = True
            try:
                self._slice(record)
            finally:
                record.running = False
        return True

    def cancel(self, job_id: str, by: str) -> CancelOutcome:
        """End the job at once, or before its next action if it runs."""
        with self._lock:
            record = self.records.get(job_id)
            if record is None:
                return CancelOutcome.UNKNOWN
            if record.progress.result.status.final:
                return CancelOutcome.CANCELLED if record.progress.result.cancelled_by else CancelOutcome.ENDED
            record.cancelled_by = record.cancelled_by or by
            if record.running:
                return CancelOutcome.STOPPING
            record.end(cancelled(record.progress, by))
            return CancelOutcome.CANCELLED

    def _slice(self, record: Record) -> None:
        job = record.job
        record.attempt = 1
        record.slice += 1
        record.began_at = record.began_at or datetime.now(UTC)
        superseded = {lock for lock in job.locks if self._begun.get(lock, 0) > record.number}
        self._begun.update(dict.fromkeys(set(job.locks) - superseded, record.number))
        job_slice = _JobSlice(record, superseded, self._memberships)
        with tracing.job_slice(job):
            ended = run(job, self._runners, job_slice)
        if isinstance(ended, Unfinished):
            running = ended.progress.result.model_copy(update={"status": JobStatus.RUNNING})
            progress = ended.progress.model_copy(update={"result": running})
            record.due = monotonic() + ended.seconds
            record.progress = progress
        else:
            progress = ended
            record.end(progress)
            self.scopes |= {lock: self._scope(lock, record) for lock in job.locks if lock not in superseded}
            if progress.result.status is not JobStatus.BLOCKED:
                held = set(job.locks) - superseded
                self._memberships |= {lock: n for lock, n in progress.memberships.items() if lock in held}

    def _scope(self, lock: str, record: Record) -> ScopeView:
        integration, _, scope = lock.partition("/")
        known, status = self.scopes.get(lock), status_of_scope(lock, record.progress)
        ended_at = record.ended_at or datetime.now(UTC)
        success = ended_at if status is JobStatus.SUCCESS else known.last_success if known else None
        digest = record.progress.blocked.get(lock)
        return ScopeView(integration, scope, ended_at, status, success, record.job.id, digest)

    @contextmanager
    def locked(self, lock: str) -> Iterator[bool]:
        """Hold the lock, unless a job does."""
        free = self._locks[lock].acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self._locks[lock].release()

    def resubmit_lost(self) -> int:
        """Return 0: no job is ever lost."""
        return 0
