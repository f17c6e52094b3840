"""Celery: a message names a job, and a worker runs it."""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, NoReturn

import redis
from celery import Task
from celery.exceptions import Reject, SoftTimeLimitExceeded
from kombu.exceptions import KombuError
from prometheus_client import Counter, Histogram
from structlog.contextvars import bound_contextvars

from qontract.adapters.celery.celery_app import GRACE_SECONDS, celery_app
from qontract.adapters.celery.job_ledger import JobLedger, Run
from qontract.application.jobs import Runners, run
from qontract.application.ports.job_queue import JobQueue, JobQueueError
from qontract.domain.jobs import Job, JobResult, JobStatus

log = logging.getLogger(__name__)

JOBS = Counter("qontract_jobs_total", "Jobs that ended", ["integration", "status"])
JOB_SECONDS = Histogram("qontract_job_seconds", "How long the jobs took", ["integration"])

_TASK = "qontract.run"
_BUSY_SECONDS = 2
_MAX_ATTEMPTS = 3
_SEND_AGAIN = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.5}


class CeleryJobQueue(JobQueue):
    """Jobs as Celery messages in Redis at `url`, their records below `prefix`; `app` is what a Celery worker runs.

    A job that takes longer than `time_limit` seconds has failed. One whose run was lost is run again, up to three
    times: `lock_seconds` after a process of a worker died, and two minutes after the time limit if all of it did.
    """

    def __init__(self, url: str, runners: Runners, *, prefix: str, time_limit: int, lock_seconds: float = 60) -> None:
        self._runners = runners
        self._time_limit = time_limit
        self._ledger = JobLedger(url, prefix=prefix, lock_seconds=lock_seconds)
        self.app = celery_app(url, prefix=f"{prefix}celery:", time_limit=time_limit)

        @self.app.task(name=_TASK, bind=True, max_retries=None, shared=False)
        def deliver(task: Task[Any, Any], job_id: str) -> None:
            self._deliver(task, job_id)

    def submit(self, job: Job) -> None:
        """Record the job, then send the message; twice does no harm."""
        try:
            self._ledger.record(job)
            self.app.send_task(_TASK, args=[job.id], task_id=job.id, retry=True, retry_policy=_SEND_AGAIN)
        except (redis.RedisError, KombuError, OSError) as error:
            raise JobQueueError(f"the job was not accepted: {type(error).__name__}: {error}") from error

    def result(self, job_id: str) -> JobResult | None:
        """Return how far the job has come."""
        try:
            return self._ledger.result(job_id)
        except (redis.RedisError, OSError) as error:
            raise JobQueueError(f"jobs cannot be looked up: {type(error).__name__}: {error}") from error

    @contextmanager
    def exclusively(self, name: str) -> Iterator[bool]:
        """Keep the jobs of this name waiting, unless one is being run; for as long as a job may take."""
        try:
            with self._ledger.locked(name, seconds=self._time_limit) as free:
                yield free
        except (redis.RedisError, OSError) as error:
            raise JobQueueError(f"{name} cannot be locked: {type(error).__name__}: {error}") from error

    def run(self, job_id: str) -> bool:
        """Run a job that was submitted, unless it is done. Say whether it could: False if another has what it changes.

        Raises redis.RedisError or OSError.
        """
        try:
            begun = self._ledger.begin(job_id)
        except LookupError:
            log.info("job is done, or no longer known", extra={"job_id": job_id})
            return True
        if begun is None:
            return False
        with bound_contextvars(job_id=job_id, correlation_id=begun.job.correlation_id):
            with self._ledger.kept(begun.id, begun.locks, seconds=self._time_limit + GRACE_SECONDS):
                result = self._run(begun)
            self._ledger.finish(begun, result)
        return True

    def _run(self, begun: Run) -> JobResult:
        job, started = begun.job, perf_counter()
        if begun.attempt > _MAX_ATTEMPTS:
            errors = (f"it was begun {_MAX_ATTEMPTS} times, and each time its worker was lost; it is not tried again",)
            result = JobResult(status=JobStatus.FAILED, errors=errors)
        else:
            log.info("job begins", extra={"integration": job.integration, "attempt": begun.attempt})
            result = run(job, dict.fromkeys(self._runners, self._limited), begun.lost)
        JOBS.labels(job.integration, result.status).inc()
        JOB_SECONDS.labels(job.integration).observe(perf_counter() - started)
        log.info("job ended", extra={"integration": job.integration, "status": result.status})
        return result

    def _limited(self, job: Job, lost: Collection[str]) -> JobResult:
        try:
            return self._runners[job.integration](job, lost)
        except SoftTimeLimitExceeded:
            raise TimeoutError(f"not done after {self._time_limit} s; what was done by then stays done") from None

    def _deliver(self, task: Task[Any, Any], job_id: str) -> None:
        """Run the job of a message; a job that has to wait, or that Redis was lost for, goes back to the queue."""
        try:
            could = self.run(job_id)
        except (redis.RedisError, OSError, SoftTimeLimitExceeded) as error:
            _send_back(job_id, error)
        if not could:
            raise task.retry(countdown=_BUSY_SECONDS)


def _send_back(job_id: str, error: Exception) -> NoReturn:
    """Let the job be run again: that finds done what is done, and nothing is known of it otherwise."""
    reason = f"{type(error).__name__}: {error}"
    log.error("result not stored; the job is to be run again", extra={"job_id": job_id, "error": reason})
    raise Reject(reason, requeue=True) from error
