"""`python -m tests.chaos.many_changes`: one job of many changes, under Slack's real limits, time scaled.

A worker is killed in the middle, and another one takes its place. What the job shows is printed as it grows.
"""

import json
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Annotated, Any

import redis
import typer

from qontract.adapters.celery import CeleryJobQueue
from qontract.application.reconcile import job
from qontract.application.slack_usergroups import SlackUsergroups
from qontract.domain.jobs import JobResult
from qontract.domain.slack_desired_state import DesiredUsergroups
from qontract.entrypoints.sandbox_server import RateLimits
from qontract.entrypoints.slack_sandbox import create_app
from qontract.entrypoints.slack_sandbox.workspace import SandboxWorkspace, StartFile
from tests.chaos.valkey import new_valkey
from tests.support.slack_sandbox import running_sandbox, user, usergroup
from tests.support.worker_process import Worker, queue_at

STREAM = "qontract:{main}:events"


def run(
    changes: int, speed: float, *, kill_at: int | None = None, show: Callable[[float, JobResult], None]
) -> dict[str, Any]:
    """Run a job of so many changes; kill its worker when `kill_at` are done. Return what came of it."""
    with TemporaryDirectory(prefix="many-") as temporary, ExitStack() as stack:
        directory = Path(temporary)
        valkey, port = new_valkey(directory / "valkey")
        valkey.start()
        stack.callback(valkey.terminate)
        sandbox = stack.enter_context(running_sandbox())
        sandbox.app(create_app([SandboxWorkspace(_start(changes))], RateLimits(speed)))
        url = f"redis://127.0.0.1:{port}/0"
        queue, desired = queue_at(url), _desired(changes)
        submitted = job(SlackUsergroups, DesiredUsergroups.model_validate(desired))  # type: ignore[type-abstract]  # its name
        queue.submit(submitted)
        settings = {
            "QAPI_SLACK__API_URL": sandbox.url,
            "QAPI_SLACK__TOKENS": json.dumps({"acme": "xoxb-sandbox-acme"}),
            "QAPI_EVENTS__SPOOL": str(directory / "spool"),
        }
        began, killed = monotonic(), None
        worker = Worker(url, directory, **settings)
        if kill_at is not None:
            with worker.running(log=directory / "killed.log") as process:
                _watch(queue, submitted.id, began, show, until=lambda result: result.done >= kill_at)
                process.kill()
                killed = monotonic() - began
        with Worker(url, directory, **settings).running(log=directory / "log"):
            result = _watch(queue, submitted.id, began, show, until=lambda result: result.status.final)
        with redis.Redis.from_url(url) as client:
            entries: Any = client.xrange(STREAM)
        subjects = Counter(json.loads(fields[b"__data__"])["subject"] for _, fields in entries)
        methods = Counter(sandbox.calls())
    return {
        "status": str(result.status),
        "done": result.done,
        "of": result.of,
        "errors": len(result.errors),
        "seconds": round(monotonic() - began, 1),
        "killed after": killed and round(killed, 1),
        "events": subjects.total(),
        "told more than once": sum(count > 1 for count in subjects.values()),
        "calls": dict(methods),
    }


def _watch(
    queue: CeleryJobQueue,
    job_id: str,
    began: float,
    show: Callable[[float, JobResult], None],
    *,
    until: Callable[[JobResult], bool],
) -> JobResult:
    shown = -1
    while True:
        result = queue.result(job_id)
        if result is None:
            raise LookupError(job_id)
        if result.done != shown:
            shown = result.done
            show(monotonic() - began, result)
        if until(result):
            return result
        sleep(0.1)


def _start(changes: int) -> StartFile:
    start = {
        "team": {"id": "T1", "name": "acme"},
        "users": [user("U1", "alice"), user("U2", "bob")],
        "channels": [],
        "usergroups": [usergroup(f"S{number}", f"team-{number}", users=["U1"]) for number in range(changes)],
    }
    return StartFile.model_validate(start)


def _desired(changes: int) -> dict[str, Any]:
    groups = [{"handle": f"team-{number}", "users": ["alice", "bob"]} for number in range(changes)]
    return {"workspaces": [{"name": "acme", "usergroups": groups}], "dry_run": False}


def main(
    changes: Annotated[int, typer.Option(help="How many")] = 700,
    speed: Annotated[float, typer.Option(help="How much faster than real time the limits go")] = 10,
    kill_at: Annotated[int, typer.Option(help="When so many are done, the worker is killed")] = 300,
) -> None:
    """Run it, and print each step."""

    def show(seconds: float, result: JobResult) -> None:
        typer.echo(f"{seconds:6.1f} s  {result.status:<8} {result.done:4} of {result.of}")

    typer.echo(json.dumps(run(changes, speed, kill_at=kill_at, show=show)))


if __name__ == "__main__":
    typer.run(main)
