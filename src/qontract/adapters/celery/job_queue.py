"""Celery: a message names a job, and a worker runs it."""

import logging
from collections.abc import Collection
from time import perf_counter
from typing import Any

import redis
from celery import Celery, Task
from celery.exceptions import SoftTimeLimitExceeded
from kombu.exceptions import KombuError
from prometheus_client import Counter, Histogram
from structlog.contextvars import bound_contextvars

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
_GRACE_SECONDS = 30


class CeleryJobQueue(JobQueue):
    """Jobs as Celery messages in Redis at `url`, their records below `prefix`; `app` is what a Celery worker runs.

    A job that takes longer than `time_limit` seconds has failed. One whose worker died is run again: at once if a child
    of a worker died, and if the whole machine did after the visibility timeout, a minute more than the time limit.
    """

    def __init__(self, url: str, runners: Runners, *, prefix: str, time_limit: int, lock_seconds: float = 60) -> None:
        self._runners = runners
        self._time_limit = time_limit
        self._ledger = JobLedger(url, prefix=prefix, lock_seconds=lock_seconds)
        self.app = _celery(url, prefix, time_limit)
        self.app.task(name=_TASK, bind=True, max_retries=None)(self._deliver)

    def submit(self, job: Job) -> None:
        """Record the job, then send the message."""
        try:
            self._ledger.record(job)
            self.app.send_task(_TASK, args=[job.id], retry=False)
        except (redis.RedisError, KombuError, OSError) as error:
            raise JobQueueError(f"the job was not accepted: {type(error).__name__}: {error}") from error

    def result(self, job_id: str) -> JobResult | None:
        """Return how far the job has come."""
        try:
            return self._ledger.result(job_id)
        except (redis.RedisError, OSError) as error:
            raise JobQueueError(f"jobs cannot be looked up: {type(error).__name__}: {error}") from error

    def run(self, job_id: str) -> bool:
        """Run a job that was submitted, unless it is done. Say whether it could: False, another has what it changes."""
        result = self._ledger.result(job_id)
        if result is None or result.status is not JobStatus.PENDING:
            log.warning("job is done, or no longer known", extra={"job_id": job_id})
            return True
        begun = self._ledger.begin(job_id)
        if begun is None:
            return False
        with bound_contextvars(job_id=job_id, correlation_id=begun.job.correlation_id), self._ledger.kept(begun):
            self._ledger.finish(begun, self._run(begun))
        return True

    def _run(self, begun: Run) -> JobResult:
        job, started = begun.job, perf_counter()
        if begun.attempt > _MAX_ATTEMPTS:
            errors = (f"its worker died {_MAX_ATTEMPTS} times; it is not tried again",)
            result = JobResult(status=JobStatus.FAILED, errors=errors)
        else:
            log.info("job begins", extra={"integration": job.integration, "attempt": begun.attempt})
            result = run(job, {job.integration: self._limited}, begun.lost)
        JOBS.labels(job.integration, result.status).inc()
        JOB_SECONDS.labels(job.integration).observe(perf_counter() - started)
        log.info("job ended", extra={"integration": job.integration, "status": result.status})
        return result

    def _limited(self, job: Job, lost: Collection[str]) -> JobResult:
        try:
            return self._runners[job.integration](job, lost)
        except SoftTimeLimitExceeded:
            raise TimeoutError(f"not done after {self._time_limit} s; what it had applied stays") from None

    def _deliver(self, task: Task[Any, Any], job_id: str) -> None:
        if not self.run(job_id):
            raise task.retry(countdown=_BUSY_SECONDS)


def _celery(url: str, prefix: str, time_limit: int) -> Celery:
    app = Celery("qontract", broker=url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "global_keyprefix": f"{prefix}celery:",
            "visibility_timeout": time_limit + 2 * _GRACE_SECONDS,
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "max_retries": 1,
        },
        task_acks_late=True,
        task_default_queue="jobs",
        task_ignore_result=True,
        task_reject_on_worker_lost=True,
        task_serializer="json",
        task_soft_time_limit=time_limit,
        task_time_limit=time_limit + _GRACE_SECONDS,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_prefetch_multiplier=1,
        worker_send_task_events=False,
    )
    return app
