"""Processes of ours, for tests: started on a free port, waited for, stopped."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import httpx

from tests.support.forked import Forked

T = TypeVar("T")


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def process(
    *arguments: str, ready: str = "", seconds: float = 60, log: Path | None = None, **settings: str
) -> Iterator[subprocess.Popen[str]]:
    """Run `python ARGUMENTS` with these settings until the body ends; `ready` is the URL to wait for.

    What it says goes to the file `log`, or else comes from `communicate`.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("QAPI_")} | settings
    with ExitStack() as stack:
        output = stack.enter_context(log.open("a")) if log else subprocess.PIPE
        running = Forked(arguments, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + seconds
            while ready and not _answers(ready):
                assert running.poll() is None, log.read_text() if log else running.stdout and running.stdout.read()
                assert time.monotonic() < deadline, f"{ready} is not ready"
                time.sleep(0.05)
            yield running
        finally:
            running.kill()
            running.wait()
            if running.stdout:
                running.stdout.close()


def until(condition: Callable[[], T], seconds: float = 20) -> T:
    """Wait for the condition, and return it. Fails if it does not become true in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)
    return value


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.HTTPError:
        return False
