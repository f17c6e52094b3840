"""From the POST of a reconcile to its last handler, with all processes running."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any

import httpx
from celery import Celery

from benchmarks.measuring import AtMost, Result, in_turns, seconds
from qontract.entrypoints.settings.groups import AuthSettings
from qontract.entrypoints.tokens import issue_token
from tests.support.processes import free_port, process
from tests.support.slack_sandbox import user, usergroup

SECRET = "a secret that is used by this benchmark only"
PATH = "/api/v1/integrations/slack-usergroups/reconcile"


def jobs(url: str, rounds: int, *, usergroups: int = 3, times: int = 4) -> list[Result]:
    """Change some usergroups of one workspace; each event is handled by the audit log."""
    with TemporaryDirectory(prefix="bench-") as directory, ExitStack() as stack:
        audit = Path(directory) / "audit.jsonl"
        api = stack.enter_context(_system(Path(directory), audit, usergroups))
        celery = stack.enter_context(_plain_celery(url, Path(directory)))
        changes = count()

        def ours() -> float:
            return _reconciled(api, _desired(usergroups, next(changes) % 2), audit, usergroups)

        def peer() -> float:
            return 1000 * seconds(lambda: celery.send_task("benchmarks.plain_celery.add", (1, 2)).get(timeout=10))

        found = in_turns({"ours": ours, "celery": peer}, times * rounds)
    work = f"POST to last handler, {usergroups} changes"
    return [Result(work, "ms", found["ours"], "bare Celery round trip", found["celery"], bar=AtMost(10))]


def _reconciled(api: httpx.Client, desired: dict[str, Any], audit: Path, events: int) -> float:
    """Return how many milliseconds it took until as many events more are in the audit log."""
    wanted = _lines(audit) + events
    started = perf_counter()
    accepted = api.post(PATH, json=desired).raise_for_status().json()
    while _lines(audit) < wanted:
        if perf_counter() - started > 10:
            raise TimeoutError(api.get(accepted["status_url"]).text)
        sleep(0.001)
    ended = perf_counter()
    api.get(accepted["status_url"], params={"timeout": 10}).raise_for_status()  # the next one is not to wait for it
    return 1000 * (ended - started)


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def _desired(usergroups: int, member: int) -> dict[str, Any]:
    groups = [{"handle": f"group-{number}", "users": [f"user-{member}"]} for number in range(usergroups)]
    return {"workspaces": [{"name": "bench", "usergroups": groups}], "dry_run": False}


@contextmanager
def _system(directory: Path, audit: Path, usergroups: int) -> Iterator[httpx.Client]:
    """Run the sandbox and the three processes; give a client of the API."""
    ports = {name: free_port() for name in ("slack_sandbox", "api", "worker", "subscriber")}
    at = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    workspace = directory / "workspace.json"
    workspace.write_text(json.dumps(_start(usergroups)))
    settings = {
        **{name: value for name, value in os.environ.items() if name.startswith("QAPI_")},
        "QAPI_SLACK__API_URL": f"{at['slack_sandbox']}/api/",
        "QAPI_SLACK__TOKENS": json.dumps({"bench": "xoxb-sandbox-bench"}),
        "QAPI_AUTH__SECRET": SECRET,
        "QAPI_AUDIT_LOG__FILE": str(audit),
    }
    for name in ("api", "worker", "subscriber"):
        settings |= {f"QAPI_{name}__HOST".upper(): "127.0.0.1", f"QAPI_{name}__PORT".upper(): str(ports[name])}
    sandbox = ["--state", str(workspace), "--port", str(ports["slack_sandbox"])]
    with ExitStack() as stack:
        for name in ports:
            arguments = ["-m", f"qontract.entrypoints.{name}", *(sandbox if name == "slack_sandbox" else [])]
            ready = f"{at[name]}/{'sandbox' if name == 'slack_sandbox' else 'health'}/ready"
            stack.enter_context(process(*arguments, ready=ready, log=directory / f"{name}.log", seconds=60, **settings))
        auth, lifetime = AuthSettings(), timedelta(hours=1)
        token = issue_token(SECRET, "bench", ["reconcile:apply"], lifetime, audience=auth.audience, issuer=auth.issuer)
        headers = {"authorization": f"Bearer {token}"}
        yield stack.enter_context(httpx.Client(base_url=at["api"], headers=headers, timeout=15))


def _start(usergroups: int) -> dict[str, Any]:
    return {
        "team": {"id": "T1", "name": "bench"},
        "users": [user("U0", "user-0"), user("U1", "user-1")],
        "channels": [],
        "usergroups": [usergroup(f"S{number}", f"group-{number}", users=["U1"]) for number in range(usergroups)],
    }


@contextmanager
def _plain_celery(url: str, directory: Path) -> Iterator[Celery]:
    """Run a worker of plain Celery, with as many processes as ours; give its application."""
    arguments = ["-m", "celery", "-A", "benchmarks.plain_celery", "worker", "--concurrency", "4"]
    running = process(*arguments, log=directory / "celery.log", BENCH_BROKER_URL=url)
    with running, Celery("plain", broker=url, backend=url) as app:
        app.send_task("benchmarks.plain_celery.add", (1, 2)).get(timeout=30)  # it is ready when it answers
        yield app
