"""What Redis knows about each job: the job, its number, its progress, and who is at work on what."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import redis
from pydantic import BaseModel

from qontract.adapters.celery import lua_scripts
from qontract.adapters.celery.ledger_connection import connect_ledger
from qontract.adapters.celery.ledger_records import Postponed, Run, ScopeOutcome, membership_counts
from qontract.adapters.celery.lock_keepalive import call_repeatedly
from qontract.adapters.celery.record_signing import FORGED, ForgedError, RecordSigner
from qontract.adapters.redis.keys import Keys
from qontract.adapters.redis.wrong_type_keys import set_wrong_keys_aside_now
from qontract.application.jobs import failed_progress
from qontract.domain.job_views import SCOPE_DAYS, status_of_scope
from qontract.domain.jobs import Job, JobMetadata, JobProgress, JobResult, JobStatus

log = logging.getLogger(__name__)

KEPT_SECONDS = 24 * 60 * 60
"""How long a result is kept."""

WAITING_SECONDS = 7 * KEPT_SECONDS
"""How long a job may wait for a worker before it is forgotten; and how long it is known which one began last."""

BUSY_SECONDS = 2
"""Until a job is tried again whose locks another has."""

DELIVERY_SECONDS = 5
"""How long a message may take from one place to the next; then it is looked for."""

MAX_SCOPES = 10_000
"""How many scopes are kept of which it is known how their last jobs ended."""

_UNREADABLE = "it cannot be read by this version of qontract, and is not run"


class JobLedger:
    """The records of jobs, in Redis below `prefix`. What a run locks stays locked for `lock_seconds` after its death.

    A lock belongs to a run and not to a job: a message that is delivered twice does not make two runs at a time.
    A message names the turn of its job: an older one is a duplicate, and runs nothing.
    Every method raises redis.RedisError or OSError if Redis cannot be reached; `put_back` and `finish` only after a
    minute of trying.
    """

    def __init__(self, url: str, *, prefix: str, lock_seconds: float, signer: RecordSigner) -> None:
        self.prefix = prefix
        self.lock_seconds = lock_seconds
        self._signer = signer
        self.redis = connect_ledger(url, retries=1)
        self.index = f"{prefix}jobs"
        """A sorted set: the jobs that are kept, by number."""
        self.kept_until = f"{prefix}jobs-kept-until"
        """A sorted set: when each of them is forgotten."""
        self.waiting = f"{prefix}jobs-waiting"
        """A sorted set: since when each job could have a worker that has none."""
        self.scopes = f"{prefix}scopes"
        """A sorted set: when the last job ended in each scope."""
        self.scope_ends = f"{prefix}scope-ends"
        """A hash: how it ended."""
        self.scope_successes = f"{prefix}scope-successes"
        """A hash: how the last one ended that was a success."""
        self.signs = f"{prefix}job-signs"
        """A sorted set: when each job that has not ended is to be looked at, unless it gives a sign of life before."""
        self._lock_milliseconds = int(lock_seconds * 1000)
        self._delivery_milliseconds = int(min(DELIVERY_SECONDS, lock_seconds) * 1000)
        self.memberships = f"{prefix}memberships"
        """A hash: how many memberships each scope had at the end of the last job."""
        self.number = f"{prefix}job-number"
        """The highest number of a job."""
        self._patient_redis = connect_ledger(url, retries=16)
        self._hasty_redis = connect_ledger(url, retries=1, timeout=0.5)

    def record(self, job: Job) -> int:
        """Enter a job that is submitted, with a higher number than any before; return the turn for its message."""
        keys = [self.key(job.id), self.number, self.signs, self.index, self.kept_until, self.waiting]
        texts = self._signed("job", job.id, job), *self._texts(job.id, JobProgress())
        about = self._signed("about", job.id, job.about())
        turn: int = self._run("submit_job", keys, job.id, *texts, about, self._delivery_milliseconds, WAITING_SECONDS)
        return turn

    def forget(self, job_id: str) -> None:
        """Forget a job whose message was not sent."""
        self.redis.delete(self.key(job_id))
        for among in (self.signs, self.index, self.kept_until, self.waiting):
            self.redis.zrem(among, job_id)

    def result(self, job_id: str) -> JobResult | None:
        """Return the result as it is now; None for a job that was never recorded, or is no longer kept."""
        progress, run = self._read(job_id, "progress", "run")
        if progress is None:
            return None
        try:
            result = JobProgress.model_validate_json(self._verified("progress", job_id, progress)).result
        except ValueError as error:
            return failed_progress(JobProgress(), _reason(error)).result
        return result.model_copy(update={"status": JobStatus.RUNNING}) if run and not result.status.final else result

    def about(self, job_id: str) -> JobMetadata | None:
        """Return what the job is about; None as for `result`. Raises ValueError if that cannot be read."""
        (about,) = self._read(job_id, "about")
        return None if about is None else JobMetadata.model_validate_json(self._verified("about", job_id, about))

    def begin(self, job_id: str, turn: int | None) -> Run | Postponed | None:
        """Lock what the job changes and no later one has begun for. None: the message is of no use any more.

        `turn` is the message's; None is any. It waits if another run has some of it locked, or its time has not come.
        """
        (raw,) = self._read(job_id, "job")
        if raw is None:
            return None
        try:
            job = Job.model_validate_json(self._verified("job", job_id, raw))
            _refuse_replayed(job, job_id)
        except ValueError as error:
            self._give_up(job_id, error)
            return None
        names = list(dict.fromkeys(job.locks))
        run_id = str(uuid4())
        locks, begun = self._locks(names), self._begun(names)
        self.set_wrong_keys_aside(dict.fromkeys(locks, "lease") | dict.fromkeys(begun, "string"))
        keys = [self.key(job_id), self.signs, self.memberships, self.waiting, self.number, *locks, *begun]
        times = self._lock_milliseconds, WAITING_SECONDS
        pauses = BUSY_SECONDS * 1000, self._delivery_milliseconds
        answer = self._run("begin_run", keys, run_id, "" if turn is None else turn, *times, job_id, *pauses, *names)
        match answer:
            case [2, number, attempt, progress, cancel, memberships, history, *places]:
                superseded = frozenset(names[place - 1] for place in places)
                known = membership_counts(names, memberships)
                held = tuple(name for name in names if name not in superseded)
                before, unreadable = self._progress(job_id, progress)
                by = self.who_cancelled(job_id, cancel)
                state = before, superseded, held, known, history.decode()
                return Run(run_id, job, number, attempt, *state, unreadable, by)
            case [1, now_turn, milliseconds]:
                return Postponed(now_turn, milliseconds / 1000)
            case [3]:
                self._give_up(job_id, ValueError("its number is none"))
        return None

    def renew(self, run: Run, locks: Sequence[str]) -> dict[str, bool]:
        """Keep these locks, and say for each whether the run has it."""
        keys = [self.key(run.job.id), self.signs, *self._locks(locks), *self._begun(locks)]
        answers = self._run("renew_run", keys, run.id, self._lock_milliseconds, run.number, run.job.id, run.history)
        return {lock: bool(answer) for lock, answer in zip(locks, answers, strict=True)}

    def show(self, run: Run, progress: JobProgress) -> None:
        """Enter how far the run is."""
        self._run("show_progress", [self.key(run.job.id)], run.id, *self._texts(run.job.id, progress))

    def cancelled_by(self, run: Run) -> tuple[str | None, bool]:
        """Return who has cancelled the job, and whether this is still its run; asked in haste, for a second at most."""
        found: Any = self._hasty_redis.hmget(self.key(run.job.id), ["cancel", "run"])
        cancel, current = found
        return self.who_cancelled(run.job.id, cancel), current == run.id.encode()

    def put_back(self, run: Run, progress: JobProgress, seconds: float) -> Postponed | None:
        """End a slice, free its locks, and say with which message it goes on; None: the job has another run."""
        keys = [self.key(run.job.id), self.signs, self.waiting, *self._locks(run.locks)]
        pauses = int(seconds * 1000), self._delivery_milliseconds
        arguments = run.id, run.job.id, *self._texts(run.job.id, progress), *pauses
        answer = lua_scripts.run_script(self._patient_redis, "put_back_job", keys, *arguments)
        return Postponed(answer[0], answer[1] / 1000) if answer else None

    def finish(self, run: Run, progress: JobProgress) -> bool:
        """End the job, and free its locks, in one step. False: it has another run, which ends it."""
        known = {} if progress.result.status is JobStatus.BLOCKED else progress.memberships
        now, of_each = datetime.now(UTC), list[str | int]()
        for lock in run.locks:
            status, digest = status_of_scope(lock, progress), progress.blocked.get(lock)
            end = ScopeOutcome(job_id=run.job.id, at=now, status=status, blocked_digest=digest)
            success = int(status is JobStatus.SUCCESS)
            of_each += [lock, known.get(lock, ""), self._signed("scope", lock, end), success]
        return self._finish(run.id, run.job.id, progress, run.locks, *of_each)

    def end_waiting(self, job_id: str, end: Callable[[JobProgress], JobProgress]) -> bool:
        """End a job that no run has, as `end` says of how far it is. False: it has one, or is forgotten."""
        (raw,) = self._read(job_id, "progress")
        if raw is None:
            return False
        progress, unreadable = self._progress(job_id, raw)
        return self._finish("", job_id, failed_progress(progress, unreadable) if unreadable else end(progress), ())

    @contextmanager
    def locked(self, name: str, *, seconds: float) -> Iterator[bool]:
        """Lock a name while the body runs, for as many seconds at most; False if a run, or another, has it."""
        (lock,), holder = self._locks([name]), str(uuid4())
        self.set_wrong_keys_aside({lock: "lease"})
        if not self.redis.set(lock, holder, nx=True, px=self._lock_milliseconds):
            yield False
            return
        try:
            every, extend = (
                self.lock_seconds / 20,
                partial(self._run, "extend_lock", [lock], holder, self._lock_milliseconds),
            )
            with call_repeatedly(extend, every=every, seconds=seconds):
                yield True
        finally:
            self._run("free_lock", [lock], holder)

    def resubmit(self, job_id: str, where: str) -> int | None:
        """Say with which turn a job is to get a new message if it is lost; `where` its message is: see the script."""
        return (
            self._run(
                "resubmit_lost", [self.key(job_id), self.signs, self.waiting], job_id, where, self._lock_milliseconds
            )
            or None
        )

    def set_wrong_keys_aside(self, types: Mapping[str, str]) -> None:
        """Set aside those of these keys that are of another type, or a lock that would not end."""
        if types:
            set_wrong_keys_aside_now(self.redis.execute_command, Keys(self.prefix), types)

    def key(self, job_id: str) -> str:
        """Return the record of a job: a hash."""
        return f"{self.prefix}job:{job_id}"

    def _locks(self, names: Sequence[str]) -> list[str]:
        return [f"{self.prefix}lock:{name}" for name in names]

    def _begun(self, names: Sequence[str]) -> list[str]:
        return [f"{self.prefix}begun:{name}" for name in names]

    def _read(self, job_id: str, *fields: str) -> list[bytes | None]:
        """Return fields of the record of a job; texts that nobody signed, where it is no record at all."""
        try:
            found: Any = self.redis.hmget(self.key(job_id), list(fields))
        except redis.ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            return [b""] * len(fields)
        return list(found)

    def _give_up(self, job_id: str, error: ValueError) -> None:
        log.error("job cannot be read; it has failed", extra={"job_id": job_id, "error": str(error)})
        self.set_wrong_keys_aside({self.key(job_id): "hash"})
        self._finish("", job_id, failed_progress(JobProgress(), _reason(error)), ())

    def _finish(self, run: str, job_id: str, progress: JobProgress, locks: Sequence[str], *of_each: str | int) -> bool:
        of_scopes = self.scopes, self.scope_ends, self.scope_successes
        keys = [self.key(job_id), self.signs, self.memberships, self.waiting, self.kept_until, *of_scopes]
        texts = self._texts(job_id, JobProgress(result=progress.result))
        bounds = KEPT_SECONDS, SCOPE_DAYS * KEPT_SECONDS, MAX_SCOPES
        arguments = run, job_id, *texts, *bounds, *of_each
        return bool(lua_scripts.run_script(self._patient_redis, "finish_job", [*keys, *self._locks(locks)], *arguments))

    def who_cancelled(self, job_id: str, raw: bytes | None) -> str | None:
        """Return who cancelled a job, of what Redis has of that; None also if that was not written by us."""
        if raw is None:
            return None
        try:
            return self._signer.verified(raw, "cancel", job_id)
        except ForgedError as error:
            extra = {"job_id": job_id, "error": str(error)}
            log.error("cancellation is not ours; the job goes on", extra=extra)  # noqa: TRY400
            return None

    def _texts(self, job_id: str, progress: JobProgress) -> tuple[str, str]:
        """Return the progress as it is kept, and the summary of its result."""
        return self._signed("progress", job_id, progress), self._signed("summary", job_id, progress.result.summary())

    def _signed(self, kind: str, job_id: str, value: BaseModel) -> str:
        return self._signer.sign(value.model_dump_json(), kind, job_id)

    def _verified(self, kind: str, job_id: str, raw: bytes) -> str:
        return self._signer.verified(raw, kind, job_id)

    def _progress(self, job_id: str, raw: bytes) -> tuple[JobProgress, str | None]:
        try:
            return JobProgress.model_validate_json(self._verified("progress", job_id, raw)), None
        except ValueError as error:
            extra = {"job_id": job_id, "error": str(error)}
            log.error("progress of a job cannot be read; the job has failed", extra=extra)  # noqa: TRY400
            return JobProgress(), _reason(error)

    def _run(self, script: str, keys: Sequence[str], *args: str | float) -> Any:
        return lua_scripts.run_script(self.redis, script, keys, *args)


def _reason(error: ValueError) -> str:
    """Return what the result of a job says that is not run for this error."""
    return f"not run: {error}" if isinstance(error, ForgedError) else _UNREADABLE


def _refuse_replayed(job: Job, job_id: str) -> None:
    """Refuse a job that is kept under another's id, or is so old that it was forgotten. Raises ForgedError."""
    if job.id != job_id or datetime.now(UTC) - job.submitted_at > timedelta(seconds=WAITING_SECONDS):
        FORGED.inc()
        raise ForgedError
