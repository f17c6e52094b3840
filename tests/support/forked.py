"""Processes of Python that begin at once: one that has loaded what they import forks for each of them.

A start of `python -m qontract…` costs a second of CPU, nearly all of it for imports. `Forked` is a `Popen` whose child
has them behind it; it has the arguments, environment, directory and pipes that are given, and it is a child of the
caller. What it does not have of its own: a command line and an environment in /proc, and flags of the interpreter. Who
looks at these, or at what is imported, or at memory, starts a process in the usual way.
"""

import atexit
import ctypes
import gc
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

_SET_CHILD_SUBREAPER = 36
_BECOMING_PARENT = Lock()

# Nothing here makes a metric: whether the metrics of a process are in files is settled when the first is made.
_LOADED = (
    "celery.bin.worker",
    "celery.concurrency.prefork",
    "celery.apps.worker",
    "cloudevents.core",
    "dependency_injector.wiring",
    "faststream.asgi",
    "faststream.redis",
    "fastapi.openapi.docs",
    "githubkit",
    "httpx",
    "jwt",
    "kombu.transport.redis",
    "pydantic_settings",
    "pytest",
    "redis.asyncio",
    "redis.cluster",
    "rich.console",
    "rich.table",
    "slack_sdk.web",
    "structlog",
    "typer.rich_utils",
    "uvicorn.protocols.http.h11_impl",
    "yaml",
    "qontract.domain.dead_letter_events",
    "qontract.domain.github_teams",
    "qontract.domain.slack_usergroups",
    "qontract.entrypoints.cli",
)
_LOADED_BY_ALL_BUT_WORKERS = (
    "qontract.adapters.github",
    "qontract.adapters.slack",
    "qontract.adapters.jsonlines",
    "qontract.entrypoints.api.asgi",
    "qontract.entrypoints.client.report",
    "qontract.entrypoints.container",
    "qontract.entrypoints.presenters.event_lines",
    "qontract.entrypoints.event_types",
    "qontract.entrypoints.presenters.explanations",
    "qontract.entrypoints.presenters.status",
    "qontract.entrypoints.subscriber.asgi",
)


class Forked(subprocess.Popen[str]):
    """`python ARGUMENTS`, of which only `-m` and `-c` are known, from a process that is forked."""

    def __init__(self, arguments: Sequence[str], **options: Any) -> None:
        super().__init__([sys.executable, *arguments], **options | {"text": True})

    def _execute_child(self, *given: Any) -> None:
        if sys.platform != "linux":  # nobody else can adopt a child
            super()._execute_child(*given)  # type: ignore[misc] # of Popen, and not in its types
            return
        arguments, directory, environment, pipes, new_session = given[0], given[5], given[6], given[10:16], given[-2]
        ends = [pipes[0], pipes[3], pipes[5]]
        request = {
            "arguments": arguments[1:],
            "directory": str(directory or Path.cwd()),
            "environment": dict(os.environ if environment is None else environment),
            "new_session": new_session,
        }
        try:
            descriptors = [number if end == -1 else end for number, end in enumerate(ends)]
            self.pid = _begun(request, descriptors, _forker(counting=_may_count(request["arguments"])))
            self._child_created = True
        finally:
            self._close_pipe_fds(*pipes)  # type: ignore[attr-defined] # of Popen, and not in its types


def _may_count(arguments: Sequence[str]) -> bool:
    """Say whether this may be a worker, which counts into files."""
    _, what, *_ = arguments
    return not what.startswith("qontract.entrypoints.") or any("worker" in part for part in arguments)


def _begun(request: dict[str, Any], descriptors: list[int], forker: socket.socket) -> int:
    """Let a child begin, and return its process id."""
    with _BECOMING_PARENT:
        _adopt(orphans=True)  # as the child becomes one, for a moment
        try:
            socket.send_fds(forker, [b"."], descriptors)
            forker.sendall(json.dumps(request).encode() + b"\n")
            return int(forker.recv(100))
        finally:
            _adopt(orphans=False)


def _adopt(*, orphans: bool) -> None:
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, int(orphans), 0, 0, 0)


@cache
def _forker(*, counting: bool) -> socket.socket:
    """Return the connection to a process that forks; `counting`: for workers, which count into files."""
    ours, theirs = socket.socketpair()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    command = [sys.executable, __file__, str(theirs.fileno()), "" if counting else "all"]
    forker = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
    theirs.close()

    def end() -> None:
        ours.close()
        forker.wait(20)

    atexit.register(end)
    return ours


def _serve(requests: socket.socket) -> dict[str, Any]:
    """Fork for each request; return it in the child, and never in the process that forks."""
    lines = requests.makefile()
    while True:
        part, descriptors, *_ = socket.recv_fds(requests, 1, 3)
        if not part:
            os._exit(0)
        request: dict[str, Any] = json.loads(lines.readline())
        read, write = os.pipe()
        between = os.fork()
        if not between:
            child = os.fork()
            if child:
                os.write(write, str(child).encode())
                os._exit(0)
            os.close(read)
            os.close(write)
            return request | {"descriptors": descriptors}
        os.waitpid(between, 0)
        requests.sendall(os.read(read, 100))
        for descriptor in (read, write, *descriptors):
            os.close(descriptor)


def _become(request: dict[str, Any], paths: list[str]) -> None:
    """Be what `python ARGUMENTS` is."""
    if request["new_session"]:
        os.setsid()
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for number, descriptor in enumerate(request["descriptors"]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    errors = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    streams = {"stdin": open(0, closefd=False), "stdout": open(1, "w", closefd=False), "stderr": errors}  # noqa: SIM115
    for name, stream in streams.items():
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    kind, what, *others = request["arguments"]
    sys.path[:] = ["" if kind == "-c" else request["directory"], *_more_paths(), *paths]
    importlib.invalidate_caches()
    sys.argv = [kind, *others]
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(what, "<string>", "exec"), main.__dict__)


def _more_paths() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def _load(names: Sequence[str]) -> None:
    for name in names:
        with suppress(ImportError):  # an extra that is not installed
            importlib.import_module(name)


class _End:
    """Ends a child when all else is done at its exit, without taking apart what was loaded for it."""

    code: int | None = None

    def __call__(self) -> None:
        if self.code is not None:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self.code)


def _code(end: SystemExit) -> int:
    if isinstance(end.code, int | None):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1


if __name__ == "__main__":
    end = _End()
    atexit.register(end)  # the first, which is called last
    ours = [path for path in sys.path[1:] if path not in _more_paths()]
    _load(_LOADED if sys.argv[2] == "" else _LOADED + _LOADED_BY_ALL_BUT_WORKERS)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        asked = _serve(connection)
    try:
        _become(asked, ours)
        end.code = 0
    except SystemExit as exit_:
        end.code = _code(exit_)
