"""The real worker as a process, and jobs for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx

from qontract.adapters.celery import CeleryJobQueue
from qontract.domain.jobs import Job, JobResult
from tests.support import requesting
from tests.support.jobs import children, final, with_its_children
from tests.support.processes import free_port, process

SECRET = "the-key-of-the-workers-of-these-tests"


class Worker:
    """A worker that is not started yet; its spool and other files are below `temporary`."""

    def __init__(self, redis_url: str, temporary: Path, **settings: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.settings = {
            "QAPI_CACHE_BROKER_URL": redis_url,
            "QAPI_AUTH__SECRET": SECRET,
            "QAPI_WORKER__HOST": "127.0.0.1",
            "QAPI_WORKER__PORT": str(port),
            "QAPI_WORKER__CONCURRENCY": "2",
            "TMPDIR": str(temporary),
            **settings,
        }

    @contextmanager
    def running(
        self, *arguments: str, ready: str | None = "/health/ready", log: Path | None = None
    ) -> Iterator[Popen[str]]:
        """Run it until the body ends."""
        command = arguments or ("-m", "qontract.entrypoints.worker")
        options: Any = {"ready": self.url + ready if ready else "", "log": log, **self.settings}
        with process(*command, **options) as running, with_its_children(running):
            yield running

    def get(self, path: str) -> httpx.Response:
        """Return the answer of its server."""
        return requesting.get(self.url + path, timeout=10)


def queue_at(redis_url: str) -> CeleryJobQueue:
    """Return the queue that the worker has."""
    return CeleryJobQueue(redis_url, {}, prefix="qontract:{main}:", time_limit=600, keys=[SECRET.encode()])


def submitted(redis_url: str) -> tuple[CeleryJobQueue, Job]:
    """Submit a job that fails in the real use case: there is no token for its workspace."""
    queue = queue_at(redis_url)
    job = Job(
        integration="slack-usergroups",
        payload={"workspaces": [{"name": "nowhere", "usergroups": []}], "dry_run": False},
        correlation_id="request-1",
        requested_by="alice",
        reason="she left",
    )
    queue.submit(job)
    return queue, job


def run_to_its_end(redis_url: str, seconds: float = 20) -> JobResult:
    """Submit a job, and wait for its end."""
    return final(*submitted(redis_url), seconds)


def recovering(pid: int) -> set[int]:
    """Return the process that recovers, of this worker: only what watches over it has a child of its own."""
    return {grandchild for child in children(pid) for grandchild in children(child)}
