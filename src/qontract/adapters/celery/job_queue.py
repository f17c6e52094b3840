"""Celery: a message names a job and its turn, and a worker runs a slice of it."""

import logging
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from time import perf_counter
from typing import Any, NoReturn

import redis
from billiard.pool import soft_timeout_sighandler
from celery import Task
from celery.exceptions import SoftTimeLimitExceeded
from celery.signals import worker_init
from kombu.exceptions import KombuError
from prometheus_client import Counter, Histogram
from structlog.contextvars import bound_contextvars

from qontract.adapters.celery.celery_app import GRACE_SECONDS, celery_app
from qontract.adapters.celery.job_admin import CeleryJobAdmin
from qontract.adapters.celery.job_ledger import BUSY_SECONDS, JobLedger
from qontract.adapters.celery.job_slice import CeleryJobSlice, clock
from qontract.adapters.celery.ledger_records import Postponed, Run
from qontract.adapters.celery.lock_keepalive import call_repeatedly
from qontract.adapters.celery.lost_jobs import resubmit_lost, set_wrong_keys_aside
from qontract.adapters.celery.messages import MAX_COUNTDOWN, QUEUE, TASK
from qontract.adapters.celery.record_signing import RecordSigner
from qontract.application import tracing
from qontract.application.jobs import Runners, Unfinished, failed_progress, run
from qontract.application.ports.job_queue import JobQueue, JobQueueError
from qontract.domain.jobs import Job, JobMetadata, JobProgress, JobResult, JobStatus

log = logging.getLogger(__name__)

JOBS = Counter("qontract_jobs_total", "Jobs that ended", ["integration", "status"])
JOB_SECONDS = Histogram("qontract_job_slice_duration_seconds", "Duration of the slices of jobs", ["integration"])

_MAX_ATTEMPTS = 3
_SEND_AGAIN = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.5}


class TimeLimitError(SoftTimeLimitExceeded):
    """The time that a slice may take is over."""

    def __str__(self) -> str:
        """Return what the result of the job says."""
        return f"not done after {self.args[0]} s; what was done by then stays done"


class CeleryJobQueue(JobQueue):
    """Jobs as Celery messages in Redis at `url`, their records below `prefix`; `app` is what a Celery worker runs.

    A job goes back to the queue after `slice_seconds`. One whose slice takes longer than `time_limit` seconds has
    failed. One whose worker died is run again `lock_seconds` later, up to three times in a row, if `resubmit_lost` is
    called again and again somewhere. Jobs are signed with the first of the `keys`, and run if any of them signed them.
    `kept` is who looks at all of them.
    """

    def __init__(
        self,
        url: str,
        runners: Runners,
        *,
        prefix: str,
        time_limit: int,
        slice_seconds: float = 60,
        lock_seconds: float = 60,
        keys: Sequence[bytes] = (b"",),
    ) -> None:
        self._runners = runners
        self._time_limit = time_limit
        self._slice_seconds = slice_seconds
        signer = RecordSigner(keys)
        self._ledger = JobLedger(url, prefix=prefix, lock_seconds=lock_seconds, signer=signer)
        self.kept = CeleryJobAdmin(self._ledger, signer)
        self._celery_prefix = f"{prefix}celery:"
        self.app = celery_app(url, prefix=self._celery_prefix, time_limit=time_limit)
        worker_init.connect(self._count_from_zero)

        @self.app.task(name=TASK, bind=True, max_retries=None, shared=False)
        def deliver(task: Task[Any, Any], job_id: str, turn: int | None = None) -> None:
            self._deliver(task, job_id, turn)

    def submit(self, job: Job) -> None:
        """Record the job, then send the message; twice does no harm."""
        try:
            turn = self._ledger.record(job)
            try:
                self._send(job.id, turn)
            except BaseException:
                with suppress(redis.RedisError, OSError):
                    self._ledger.forget(job.id)
                raise
        except (redis.RedisError, KombuError, OSError) as error:
            raise JobQueueError(f"the job was not accepted: {type(error).__name__}: {error}") from error

    def result(self, job_id: str) -> JobResult | None:
        """Return how far the job has come."""
        try:
            return self._ledger.result(job_id)
        except (redis.RedisError, OSError) as error:
            raise JobQueueError(f"jobs cannot be looked up: {type(error).__name__}: {error}") from error

    def about(self, job_id: str) -> JobMetadata | None:
        """Return what the job is about."""
        try:
            return self._ledger.about(job_id)
        except (redis.RedisError, OSError, ValueError) as error:
            raise JobQueueError(f"jobs cannot be looked up: {type(error).__name__}: {error}") from error

    @contextmanager
    def locked(self, lock: str) -> Iterator[bool]:
        """Keep the jobs of this lock waiting, unless one is being run; for as long as a slice may take."""
        try:
            with self._ledger.locked(lock, seconds=self._time_limit) as free:
                yield free
        except (redis.RedisError, OSError) as error:
            raise JobQueueError(f"{lock} cannot be locked: {type(error).__name__}: {error}") from error

    def resubmit_lost(self) -> int:
        """Send the messages of jobs whose workers are dead, or whose messages are lost, once more."""
        queue, reserved = f"{self._celery_prefix}{QUEUE}", f"{self._celery_prefix}unacked"
        try:
            set_wrong_keys_aside(self._ledger, self._celery_prefix, QUEUE)
            return resubmit_lost(self._ledger, queue=queue, reserved=reserved, send=self._send_again)
        except (redis.RedisError, KombuError, OSError) as error:
            raise JobQueueError(f"lost jobs cannot be run again: {type(error).__name__}: {error}") from error

    def run(self, job_id: str) -> bool:
        """Run a slice of a job, unless it has ended. False: not now, for its time has not come, or its locks are taken.

        Raises redis.RedisError or OSError.
        """
        done, wait = self._slice(job_id, None)
        return done or wait is None

    def _slice(self, job_id: str, turn: int | None) -> tuple[bool, Postponed | None]:
        """Run a slice if it is time; say whether it was run, and when the job is to be tried again."""
        asked = clock()
        begun = self._ledger.begin(job_id, turn)
        if begun is None:
            log.info("message dropped; its job has ended or is not known", extra={"job_id": job_id})
        if not isinstance(begun, Run):
            return False, begun
        job = begun.job
        known = job.model_dump(include={"integration", "correlation_id", "requested_by", "reason"})
        with bound_contextvars(job_id=job_id, **known), tracing.job_slice(job, begun.attempt):
            mine = CeleryJobSlice(self._ledger, begun, asked=asked, slice_seconds=self._slice_seconds)
            with call_repeatedly(
                mine.renew, every=self._ledger.lock_seconds / 20, seconds=self._time_limit + GRACE_SECONDS
            ):
                return True, self._run(begun, mine)

    def _run(self, begun: Run, job_slice: CeleryJobSlice) -> Postponed | None:
        job, started = begun.job, perf_counter()
        log.info("slice begun", extra={"attempt": begun.attempt})
        if begun.unreadable:
            progress: JobProgress | Unfinished = failed_progress(job_slice.progress, begun.unreadable)
        elif begun.attempt > _MAX_ATTEMPTS:
            error = f"it was begun {_MAX_ATTEMPTS} times, and each time its worker was lost; it is not tried again"
            progress = failed_progress(job_slice.progress, error)
        else:
            progress = run(job, self._runners, job_slice)
        JOB_SECONDS.labels(job.integration).observe(perf_counter() - started)
        if isinstance(progress, Unfinished):
            return self._put_back(begun, progress)
        if self._ledger.finish(begun, progress):
            status = progress.result.status
            JOBS.labels(job.integration, status).inc()
            log.info("job ended", extra={"status": status})
        else:
            log.warning("result dropped; the job has a newer run")
        return None

    def _put_back(self, begun: Run, continues: Unfinished) -> Postponed | None:
        running = continues.progress.result.model_copy(update={"status": JobStatus.RUNNING})
        progress = continues.progress.model_copy(update={"result": running})
        wait = self._ledger.put_back(begun, progress, continues.seconds)
        extra = {"done": running.done, "of": running.of, "seconds": continues.seconds}
        log.info("slice ended; the job continues later", extra=extra)
        return wait

    def _deliver(self, task: Task[Any, Any], job_id: str, turn: int | None) -> None:
        """Run a slice; a job that has not ended, or that Redis was lost for, goes back to the queue."""
        if signal.getsignal(signal.SIGUSR1) is soft_timeout_sighandler:  # in a process of Celery's pool
            signal.signal(signal.SIGUSR1, self._end_slice)
        try:
            _, wait = self._slice(job_id, turn)
        except (redis.RedisError, OSError, SoftTimeLimitExceeded) as error:
            extra = {"job_id": job_id, "error": f"{type(error).__name__}: {error}"}
            log.error("result not stored; the job is run again", extra=extra)  # noqa: TRY400
            wait = Postponed(turn or 0, BUSY_SECONDS)
        if wait:
            raise task.retry(args=(job_id, wait.turn or None), countdown=min(wait.seconds, MAX_COUNTDOWN))

    def _end_slice(self, *_: object) -> NoReturn:
        raise TimeLimitError(self._time_limit)

    def _send_again(self, job_id: str, turn: int) -> None:
        log.warning("job was lost; it is run again", extra={"job_id": job_id})
        self._send(job_id, turn)

    def _send(self, job_id: str, turn: int) -> None:
        self.app.send_task(TASK, args=[job_id, turn], task_id=job_id, retry=True, retry_policy=_SEND_AGAIN)

    def _count_from_zero(self, **_: object) -> None:
        """Let every count exist before the first job ends: where there is none, a rate has no value."""
        for integration in self._runners:
            for status in filter(lambda status: status.final, JobStatus):
                JOBS.labels(integration, status)
