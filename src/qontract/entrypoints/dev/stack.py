"""The whole system on one machine: an embedded Valkey, sandboxes, and the three processes."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe

from rich.console import Console

from qontract.entrypoints.dev.output import line_printer
from qontract.entrypoints.dev.processes import ChildProcess, StackError, free_port, how_ended, ready, running
from qontract.entrypoints.dev.valkey import running_valkey
from qontract.entrypoints.plugins import error_text
from qontract.entrypoints.sandboxes import Sandbox

_READY_SECONDS = 30
_OURS = ("api", "subscriber", "worker")
_HEALTH = "/health/ready"
WITHOUT_PROXY = ("no_proxy", "NO_PROXY")
"""What says which machines are reached directly: some read the one, some the other."""

Lost = Callable[[str], None]
"""Is called with what cannot be used, and why: a sandbox, the port that Redis had."""


def _raise(problem: str) -> None:
    raise StackError(problem)


@dataclass
class Stack:
    """A running system, and how to reach it: URLs by the names of the processes; a sandbox has its integration's."""

    urls: Mapping[str, str]
    redis_url: str
    secret: str
    spool: Path
    lost: Lost
    processes: Mapping[str, ChildProcess] = field(default_factory=dict)
    sandboxes: dict[str, ChildProcess] = field(default_factory=dict)

    def check(self) -> None:
        """Raise StackError if one of the processes has ended. A sandbox that has is lost, and no more of the stack."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise StackError(f"{name} {how_ended(process.returncode)}")
        for name, process in list(self.sandboxes.items()):
            if process.poll() is not None:
                self.lose(name, how_ended(process.returncode))

    def check_for(self, seconds: float) -> None:
        """Raise StackError if one of the processes ends within so many seconds."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.check()
            time.sleep(0.05)

    def lose(self, integration: str, why: str) -> None:
        """Do without the sandbox of this integration."""
        del self.sandboxes[integration]
        self.lost(f"the sandbox of {integration} {why}")


@contextmanager
def running_stack(
    sandboxes: Mapping[str, tuple[Sandbox, Path]],
    data: Path,
    console: Console,
    *,
    audit_file: str = "-",
    keep: bool = False,
    first_port: int = 0,
    lost: Lost = _raise,
) -> Iterator[Stack]:
    """Start everything, wait until it is ready, and stop it at the end, whatever happens.

    The sandbox of each integration begins with the file beside it. The API, the subscriber, the worker and the
    sandboxes get ports in a row, or any that are free for a `first_port` of 0. With `keep`, what Valkey holds stays in
    `data`. `lost` is called with what cannot be used, and raises if nothing goes without it. What the processes say
    goes to `console`.

    Raises StackError.
    """
    _go_without_proxy()
    names = (*_OURS, *sandboxes)
    ports = {name: free_port(first_port and first_port + number) for number, name in enumerate(names)}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    show = line_printer(console, width=max(map(len, names)))
    with running_valkey(data, lost, keep=keep) as redis_url:
        secret, spool = _secret(data) if keep else token_urlsafe(32), (data / "events.sqlite").resolve()
        stack = Stack(urls, redis_url, secret, spool, lost)
        commands, leading = _sandboxes(sandboxes, stack)
        environment = os.environ | leading | _settings(stack, ports, audit_file)
        ours = {name: (f"qontract.entrypoints.{name}",) for name in _OURS}
        # The sandboxes end after the others, and Valkey last: by then nobody is at work with them.
        with running(commands, environment, show) as started, running(ours, environment, show) as stack.processes:
            stack.sandboxes = dict(started)
            _wait_until_ready(stack, {name: sandbox.ready for name, (sandbox, _) in sandboxes.items()})
            yield stack


def _go_without_proxy() -> None:
    """Let this process, and those that it starts, reach this machine directly."""
    others = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    for name in WITHOUT_PROXY:
        os.environ[name] = ",".join(filter(None, ("127.0.0.1,localhost", others)))


def _sandboxes(
    sandboxes: Mapping[str, tuple[Sandbox, Path]], stack: Stack
) -> tuple[dict[str, Sequence[str]], dict[str, str]]:
    """Return the commands of the sandboxes, and the settings that lead to them."""
    commands: dict[str, Sequence[str]] = {}
    settings: dict[str, str] = {}
    for name, (sandbox, file) in sandboxes.items():
        url = stack.urls[name]
        try:
            settings |= {variable: str(value) for variable, value in sandbox.environment(url, file).items()}
        except Exception as error:  # noqa: BLE001 - somebody else's
            stack.lost(f"the sandbox of {name} cannot begin with {file}: {error_text(error)}")
            continue
        commands[name] = (sandbox.module, "--state", str(file), "--port", url.rpartition(":")[2])
    return commands, settings


def _settings(stack: Stack, ports: Mapping[str, int], audit_file: str) -> dict[str, str]:
    addresses = {f"QAPI_{name}__PORT".upper(): str(ports[name]) for name in _OURS}
    addresses |= {f"QAPI_{name}__HOST".upper(): "127.0.0.1" for name in _OURS}
    return addresses | {
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
        "QAPI_CACHE_BROKER_URL": stack.redis_url,
        "QAPI_EVENTS__SPOOL": str(stack.spool),
        "QAPI_AUTH__SECRET": stack.secret,
        "QAPI_AUDIT_LOG__FILE": audit_file,
    }


def _secret(data: Path) -> str:
    """Return the key of these data, so that a token is good for the next start too."""
    file = data / "secret"
    if not file.exists():
        write_private(file, token_urlsafe(32))
    return file.read_text()


def write_private(file: Path, text: str) -> None:
    """Write a file that nobody else can read."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as written:
        written.write(text)


def _wait_until_ready(stack: Stack, ready_at: Mapping[str, str]) -> None:
    until = time.monotonic() + _READY_SECONDS
    waiting = [*_OURS, *stack.sandboxes]
    while waiting:
        stack.check()
        running = [name for name in waiting if name in stack.processes or name in stack.sandboxes]
        waiting = [name for name in running if not ready(stack.urls[name] + ready_at.get(name, _HEALTH))]
        if waiting and time.monotonic() > until:
            _go_without(stack, waiting)
        time.sleep(0.05)


def _go_without(stack: Stack, late: Sequence[str]) -> None:
    """Do without what is not ready in time, if those are sandboxes alone. Raises StackError."""
    if ours := [name for name in late if name in stack.processes]:
        raise StackError(f"not ready after {_READY_SECONDS} s: {', '.join(ours)}")
    for name in late:
        stack.lose(name, f"is not ready after {_READY_SECONDS} s")
