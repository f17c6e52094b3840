"""The API as a process of its own."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx

from qontract.entrypoints.tokens import issue_token
from tests.support.processes import free_port, process

SECRET = "a-secret-of-at-least-thirty-two-bytes"
PATH = "/api/v1/integrations/slack-usergroups/reconcile"
DESIRED = {"workspaces": [{"name": "coreos", "usergroups": [{"handle": "team-a", "users": ["alice"]}]}]}
MODULE = ["-m", "qontract.entrypoints.api"]


def token(*scopes: str, subject: str = "test", secret: str = SECRET) -> dict[str, str]:
    """Return the header of a request with a token."""
    names = {"audience": "qontract-api", "issuer": "qontract"}
    made = issue_token(secret, subject, scopes or ["reconcile:plan"], timedelta(days=1), **names, token_id=None)
    return {"authorization": f"Bearer {made}"}


@contextmanager
def running_api(
    redis_url: str, log: Path, *command: str, up: str = "/health/ready", **settings: str
) -> Iterator[tuple[httpx.Client, Popen[str]]]:
    """Run it until the body ends; give a client with a token, and the process. `{port}` in the command is its port."""
    port = str(free_port())
    url = f"http://127.0.0.1:{port}"
    settings = {
        "QAPI_CACHE_BROKER_URL": redis_url,
        "QAPI_AUTH__SECRET": SECRET,
        "QAPI_API__HOST": "127.0.0.1",
        "QAPI_API__PORT": port,
        **settings,
    }
    options: Any = {"ready": url + up, "log": log, **settings}
    arguments = [part.format(port=port) for part in command or MODULE]
    with (
        process(*arguments, **options) as running,
        httpx.Client(base_url=url, headers=token(), timeout=30) as client,
    ):
        yield client, running


def ended(running: Popen[str]) -> int:
    """Let it end, and return its exit code."""
    running.send_signal(signal.SIGTERM)
    return running.wait(15)
