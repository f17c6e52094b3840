"""A worker with a runner for tests, which tells what it does in files; run it with `python -m tests.jobs_worker`."""

import os
import time
from collections.abc import Collection
from pathlib import Path

from celery.signals import setup_logging

from qontract.adapters.celery import CeleryJobQueue
from qontract.domain.jobs import Job, JobResult, JobStatus
from qontract.entrypoints.logs import configure_logs


def tell(job: Job, lost: Collection[str]) -> JobResult:
    """Write `JOB begins PID` and `JOB ends`, a line each; in between wait for the file `go`, if the job names one."""
    log = Path(str(job.payload["log"]))
    _append(log, f"{job.id} begins {os.getpid()}")
    while "go" in job.payload and not Path(str(job.payload["go"])).exists():
        time.sleep(0.02)
    _append(log, f"{job.id} ends")
    return JobResult(status=JobStatus.SUCCESS, actions=({"lost": sorted(lost)},))


def _append(log: Path, line: str) -> None:
    with log.open("a") as file:
        file.write(f"{line}\n")


def main() -> None:
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
