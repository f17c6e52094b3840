"""Processes of ours, for tests: started on a free port, waited for, stopped."""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from tests.support import requesting
from tests.support.forked import Forked
from tests.support.waiting import until


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def ports_in_a_row(many: int) -> int:
    """Return the first of so many that nobody listens on, of those that the system gives to no connection by itself."""
    for _ in range(100):
        first = 10_000 + secrets.randbelow(20_000)
        with ExitStack() as sockets, suppress(OSError):
            for port in range(first, first + many):
                sockets.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
    raise AssertionError(f"no {many} ports in a row are free")


@contextmanager
def process(
    *arguments: str, ready: str = "", seconds: float = 60, log: Path | None = None, **settings: str
) -> Iterator[subprocess.Popen[str]]:
    """Run `python ARGUMENTS` with these settings until the body ends; `ready` is the URL to wait for.

    What it says goes to the file `log`, or else comes from `communicate`. It is forked from one that has loaded what it
    imports, but where PYTHONPATH has a `sitecustomize`, which Python runs at its start.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("QAPI_")} | settings
    with ExitStack() as stack:
        output = stack.enter_context(log.open("a")) if log else subprocess.PIPE
        paths = map(Path, environment.get("PYTHONPATH", "").split(os.pathsep))
        to: dict[str, Any] = {"env": environment, "stdout": output, "stderr": subprocess.STDOUT, "text": True}
        if any((path / "sitecustomize.py").exists() for path in paths):
            running: subprocess.Popen[str] = subprocess.Popen([sys.executable, *arguments], **to)
        else:
            running = Forked(arguments, **to)
        try:
            until(partial(_is_ready, running, ready, log), seconds, f"{ready} is not ready")
            yield running
        finally:
            running.kill()
            running.wait()
            if running.stdout:
                running.stdout.close()


def _is_ready(running: subprocess.Popen[str], url: str, log: Path | None) -> bool:
    """Say whether the URL answers, if there is one. Fails if the process has ended."""
    if url and not _answers(url):
        assert running.poll() is None, log.read_text() if log else running.stdout and running.stdout.read()
        return False
    return True


def _answers(url: str) -> bool:
    try:
        return requesting.get(url).is_success
    except httpx.HTTPError:
        return False
