"""A worker with a runner for tests, which tells what it does in files: `python -m tests.support.jobs_worker`."""

import os
import time
from pathlib import Path

from celery.signals import setup_logging

from qontract.adapters.celery import CeleryJobQueue
from qontract.application.jobs import JobSlice, Unfinished
from qontract.domain.jobs import Job, JobProgress, JobResult, JobStatus
from qontract.entrypoints.logs import configure_logs


def tell(job: Job, job_slice: JobSlice) -> JobProgress | Unfinished:
    """Write `JOB begins PID`, `JOB holds a: True` and `JOB ends`, a line each; each slice does one of `slices`.

    In between it waits for the file `go`, if the job names one, and shows how far it is.
    """
    log, done, slices = (
        Path(str(job.payload["log"])),
        job_slice.progress.result.done,
        int(str(job.payload.get("slices", 1))),
    )
    _append(log, f"{job.id} begins {os.getpid()} at {done}")
    job_slice.show(lambda: _progress(done + 1, slices))
    while "go" in job.payload and not Path(str(job.payload["go"])).exists():
        time.sleep(0.02)
    for lock in job.locks:
        _append(log, f"{job.id} holds {lock}: {job_slice.holds(lock)}")
    if done + 1 < slices:
        return Unfinished(_progress(done + 1, slices), float(str(job.payload.get("pause", 0))))
    _append(log, f"{job.id} ends")
    return _progress(slices, slices, JobStatus.SUCCESS)


def _progress(done: int, of: int, status: JobStatus = JobStatus.RUNNING) -> JobProgress:
    return JobProgress(result=JobResult(status=status, done=done, of=of))


def _append(log: Path, line: str) -> None:
    with log.open("a") as file:
        file.write(f"{line}\n")


def main() -> None:
    """Run jobs until SIGTERM."""
    queue = CeleryJobQueue(
        os.environ["JOBS_URL"],
        {"test": tell},
        prefix="test:{jobs}:",
        time_limit=int(os.environ.get("JOBS_TIME_LIMIT", "30")),
        lock_seconds=1,
    )
    options = queue.app.conf.broker_transport_options
    options |= {"visibility_timeout": int(os.environ.get("JOBS_VISIBILITY", "300")), "unacked_restore_interval": 1}
    setup_logging.connect(lambda **_: configure_logs(), weak=False)
    concurrency = os.environ.get("JOBS_CONCURRENCY", "2")
    queue.app.worker_main(["--quiet", "worker", "--without-gossip", "--without-mingle", "-c", concurrency])


if __name__ == "__main__":
    main()
