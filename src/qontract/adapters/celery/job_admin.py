"""Redis: the records of jobs, as somebody looks at them and cancels them who runs none."""

from collections.abc import Iterable, Iterator, MutableSequence, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import redis

from qontract.adapters.celery import lua_scripts
from qontract.adapters.celery.job_ledger import JobLedger
from qontract.adapters.celery.ledger_records import ScopeOutcome
from qontract.adapters.celery.record_signing import RecordSigner
from qontract.adapters.unreadable_values import Unreadable, excerpt
from qontract.application.ports.job_admin import JobAdmin, JobAdminError
from qontract.domain.job_views import (
    SCOPE_DAYS,
    UNREADABLE,
    CancelOutcome,
    JobCounts,
    JobView,
    ScopeView,
    cancelled,
)
from qontract.domain.jobs import JobMetadata, JobProgress, JobResult, JobStatus

_PAGE = 100
_MAX_JOBS = 10_000
_FIELDS = ("about", "summary", "run", "began", "ended", "due", "attempts", "slices", "cancel")
_unreadable = Unreadable("scopes", "record of a scope cannot be read; the scope is left out")


class CeleryJobAdmin(JobAdmin):
    """The jobs that `ledger` has records of, whose `signer` signs them."""

    def __init__(self, ledger: JobLedger, signer: RecordSigner) -> None:
        self._ledger = ledger
        self._signer = signer
        self._redis: Any = ledger.redis

    def list(
        self, *, limit: int, integration: str | None = None, status: str | None = None, scope: str | None = None
    ) -> Iterable[JobView]:
        """Return the jobs, newest first; each page of them is read in one round trip."""
        found = (view for view in self._all() if view.meets(integration, status, scope))
        return islice(found, limit)

    def get(self, job_id: str) -> JobView | None:
        """Return one job."""
        if not job_id.isprintable():
            return None
        with _translated():
            (view,) = self._views([job_id], "progress")
        return view

    def scopes(self) -> Sequence[ScopeView]:
        """Return how each scope is."""
        ledger, oldest = self._ledger, datetime.now(UTC) - timedelta(days=SCOPE_DAYS)
        found = []
        with _translated():
            locks = self._redis.zrange(ledger.scopes, 0, _MAX_JOBS - 1, desc=True)
            for start in range(0, len(locks), _PAGE):
                page = locks[start : start + _PAGE]
                ends, successes = (self._redis.hmget(key, page) for key in (ledger.scope_ends, ledger.scope_successes))
                found += [self._scope(*one) for one in zip(page, ends, successes, strict=True)]
        views = (view for view in found if view and view.last_ended > oldest)
        return sorted(views, key=lambda view: (view.integration, view.scope))

    def cancel(self, job_id: str, by: str) -> CancelOutcome:
        """Put on record who cancels the job, and end it here if no run has it."""
        if not job_id.isprintable():
            return CancelOutcome.UNKNOWN
        with _translated():
            state, who = self._cancel(job_id, by)
            if state == b"unknown":
                return CancelOutcome.UNKNOWN
            if state == b"ended":
                result = self._ledger.result(job_id)
                return CancelOutcome.CANCELLED if result and result.cancelled_by else CancelOutcome.ENDED
            waiting = state == b"waiting"
            ended = waiting and self._ledger.end_waiting(job_id, lambda progress: cancelled(progress, who))
            return CancelOutcome.CANCELLED if ended else CancelOutcome.STOPPING

    def counts(self) -> JobCounts:
        """Return how many jobs wait and run, in one round trip."""
        with _translated():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.time().zcard(self._ledger.signs).zcard(self._ledger.waiting)
            (seconds, micros), all_open, waiting, first = pipeline.zrange(
                self._ledger.waiting, 0, 0, withscores=True
            ).execute()
        oldest = max(0.0, seconds + micros / 1e6 - first[0][1] / 1000) if first else 0.0
        return JobCounts(waiting, max(0, all_open - waiting), oldest)

    def _cancel(self, job_id: str, by: str) -> tuple[bytes, str]:
        """Return the state of the job as the script says, and who has cancelled it."""
        signed, forged = self._signer.sign(by, "cancel", job_id), b""
        while True:
            state, *found = lua_scripts.run_script(
                self._redis, "cancel_job", [self._ledger.key(job_id)], signed, forged
            )
            who = self._ledger.who_cancelled(job_id, found[0]) if found else by
            if who is not None:
                return state, who
            forged = found[0]

    def _all(self) -> Iterator[JobView]:
        last = "+inf"
        for _ in range(_MAX_JOBS // _PAGE):
            with _translated():
                page = self._redis.zrange(
                    self._ledger.index, last, "-inf", byscore=True, desc=True, offset=0, num=_PAGE, withscores=True
                )
                views = self._views([job_id.decode(errors="replace") for job_id, _ in page])
            yield from filter(None, views)
            if len(page) < _PAGE:
                return
            last = f"({page[-1][1]!r}"

    def _views(self, job_ids: Sequence[str], *more: str) -> Sequence[JobView | None]:
        """Return what is known of each, in one round trip; None for those of which nothing is."""
        if not job_ids:
            return []
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.time().zmscore(self._ledger.signs, job_ids)
        for job_id in job_ids:
            pipeline.hmget(self._ledger.key(job_id), [*_FIELDS, *more])
        (seconds, micros), signs, *records = pipeline.execute(raise_on_error=False)
        if isinstance(signs, Exception):
            raise signs
        now = seconds * 1000 + micros / 1000
        alive = [sign is not None and sign > now for sign in signs]
        return [self._view(*one, now) for one in zip(job_ids, records, alive, strict=True)]

    def _view(self, job_id: str, record: Any, alive: bool, now: float) -> JobView | None:
        if isinstance(record, Exception):
            return JobView(job_id, UNREADABLE, unreadable=excerpt(record))
        about, summary, run, began, ended, due, attempts, slices, cancel, *progress = record
        if about is None and summary is None:
            return None
        wrong: MutableSequence[str] = []
        known = self._about(job_id, about, wrong)
        result = self._result(job_id, summary, progress[0] if progress else None, wrong)
        status = JobStatus.RUNNING if run and not result.status.final else result.status
        due_at = _time(due)
        return JobView(
            id=job_id,
            status=UNREADABLE if wrong else status,
            integration=known.integration,
            scopes=known.scopes,
            dry_run=known.dry_run,
            submitted_at=known.submitted_at,
            submitted_by=known.requested_by,
            reason=known.reason,
            correlation_id=known.correlation_id,
            began_at=_time(began),
            ended_at=_time(ended),
            due_at=due_at if due_at and due_at.timestamp() * 1000 > now and not run else None,
            attempt=_count(attempts),
            slice=_count(slices) + (1 if attempts else 0),
            worker_alive=alive if run else None,
            cancelled_by=result.cancelled_by or self._ledger.who_cancelled(job_id, cancel),
            result=result,
            unreadable="; ".join(wrong),
        )

    def _about(self, job_id: str, raw: bytes | None, wrong: MutableSequence[str]) -> JobMetadata:
        try:
            return JobMetadata.model_validate_json(self._signer.verified(raw or b"", "about", job_id))
        except ValueError as error:
            wrong.append(f"what it is about: {excerpt(error)}")
            return JobMetadata(integration="")

    def _result(
        self, job_id: str, summary: bytes | None, progress: bytes | None, wrong: MutableSequence[str]
    ) -> JobResult:
        try:
            if progress is not None:
                text = self._signer.verified(progress, "progress", job_id)
                return JobProgress.model_validate_json(text).result
            return JobResult.model_validate_json(self._signer.verified(summary or b"", "summary", job_id))
        except ValueError as error:
            wrong.append(f"how far it is: {excerpt(error)}")
            return JobResult()

    def _scope(self, lock: bytes, ended: bytes | None, success: bytes | None) -> ScopeView | None:
        name = lock.decode(errors="replace")
        try:
            end = ScopeOutcome.model_validate_json(self._signer.verified(ended or b"", "scope", name))
        except ValueError as error:
            _unreadable.report(ended or b"", error, scope=name)
            return None
        last_success = None
        with suppress(ValueError):
            text = self._signer.verified(success, "scope", name) if success else ""
            last_success = ScopeOutcome.model_validate_json(text).at
        integration, _, scope = name.partition("/")
        return ScopeView(integration, scope, end.at, end.status, last_success, end.job_id, end.blocked_digest)


def _time(milliseconds: bytes | None) -> datetime | None:
    """Return the time that Redis has noted; None if it has none, or something else."""
    with suppress(TypeError, ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(float(milliseconds) / 1000, UTC)  # type: ignore[arg-type]
    return None


def _count(number: bytes | None) -> int:
    with suppress(TypeError, ValueError):
        return int(number)  # type: ignore[arg-type]
    return 0


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise JobAdminError(f"jobs cannot be looked up: {excerpt(f'{type(error).__name__}: {error}')}") from error
