"""Running a job, whichever queue it came from."""

import logging
from collections.abc import Callable, Collection, Mapping

from qontract.domain.jobs import Job, JobResult, JobStatus

log = logging.getLogger(__name__)

Runner = Callable[[Job, Collection[str]], JobResult]
"""Does the work of a job, except for the exclusive names that it has lost to a later one."""

Runners = Mapping[str, Runner]
"""The runner of each integration, by its name."""


def run(job: Job, runners: Runners, lost: Collection[str]) -> JobResult:
    """Run the job but for the exclusive names that it has `lost` to a later one, and return its final result."""
    reasons = tuple(f"{name}: skipped, for a later request has begun" for name in sorted(lost))
    if job.exclusive and set(job.exclusive) <= set(lost):
        return JobResult(status=JobStatus.SKIPPED, errors=reasons)
    runner = runners.get(job.integration)
    if runner is None:
        errors = (*reasons, f"no runner for the integration {job.integration!r}")
        return JobResult(status=JobStatus.FAILED, errors=errors)
    try:
        result = runner(job, lost)
    except Exception as error:
        log.exception("job failed", extra={"job": job.id})
        return JobResult(status=JobStatus.FAILED, errors=(*reasons, f"{type(error).__name__}: {error}"))
    status = JobStatus.SKIPPED if lost and result.status is JobStatus.SUCCESS else result.status
    return result.model_copy(update={"status": status, "errors": (*reasons, *result.errors)})
