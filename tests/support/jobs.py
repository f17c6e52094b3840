"""Jobs on a real queue: a worker of the test's own, and what its jobs told."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from subprocess import Popen

from pydantic import JsonValue

from qontract.adapters.celery import CeleryJobQueue
from qontract.domain.jobs import Job, JobResult
from tests.contracts.job_queue_runner import result_of
from tests.support.processes import process
from tests.support.waiting import until

PREFIX = "test:{jobs}:"

make_queue = partial(CeleryJobQueue, prefix=PREFIX, time_limit=30, lock_seconds=1)


class Told:
    """What the runner of the test's worker told, and the file that lets its jobs end."""

    def __init__(self, directory: Path) -> None:
        self.log = directory / "log"
        self.go = directory / "go"

    def job(self, *locks: str, hold: bool = False, **more: JsonValue) -> Job:
        """Return a job of the test's worker; one that is held does not end before `go` is there."""
        payload: dict[str, JsonValue] = {"log": str(self.log), **more} | ({"go": str(self.go)} if hold else {})
        return Job(integration="test", payload=payload, locks=locks)

    def lines(self) -> list[str]:
        """Return what the jobs told."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def begun(self, job: Job) -> list[int]:
        """Return the process of each run of the job."""
        return [int(line.split()[2]) for line in self.lines() if line.startswith(f"{job.id} begins")]

    def done_before(self, job: Job) -> list[int]:
        """Return what was done before each run of the job."""
        return [int(line.split()[4]) for line in self.lines() if line.startswith(f"{job.id} begins")]


def final(queue: CeleryJobQueue, job: Job, seconds: float = 20) -> JobResult:
    """Wait for the end of the job, and return its result."""
    until(lambda: result_of(queue, job).status.final, seconds)
    return result_of(queue, job)


def children(pid: int) -> set[int]:
    """Return the processes that this one has begun, and that have not ended."""
    try:
        return {
            int(child) for file in Path("/proc").glob(f"{pid}/task/*/children") for child in file.read_text().split()
        }
    except OSError:  # it has just ended
        return set()


@contextmanager
def with_its_children(running: Popen[str]) -> Iterator[None]:
    """Kill, in the end, also the children of a process: those of a killed worker keep its connections for a while."""
    try:
        yield
    finally:
        orphans = children(running.pid)
        running.kill()
        for child in orphans:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


@contextmanager
def worker(url: str, **settings: str) -> Iterator[Popen[str]]:
    """Run a worker until the body ends."""
    environment = {"JOBS_URL": url, **settings}
    with process("-m", "tests.support.jobs_worker", **environment) as running, with_its_children(running):  # type: ignore[arg-type]
        yield running
