"""Processes of ours on this machine: started together, watched, and ended in good order."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Thread

import httpx

from qontract.entrypoints.dev.output import Show

ChildProcess = subprocess.Popen[str]

_STOP_SECONDS = 15
_LAST_LINES_SECONDS = 1
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # to read them all takes longer than a request


class StackError(Exception):
    """A process did not start, or ended by itself."""


@contextmanager
def running(
    commands: Mapping[str, Sequence[str]], environment: Mapping[str, str], show: Show
) -> Iterator[Mapping[str, ChildProcess]]:
    """Run `python -m …` of each command until the body ends, whatever happens; `show` gets what they say.

    They end also if this process is killed.
    """
    processes: dict[str, ChildProcess] = {}
    threads: list[Thread] = []
    with lifeline() as pipe:
        try:
            for name, command in commands.items():
                process = processes[name] = _started(command, environment, pipe)
                threads.append(Thread(target=show, args=(name, process.stdout), daemon=True))
                threads[-1].start()
            yield processes
        finally:
            try:
                _end(processes.values())
            finally:
                _kill(processes.values())
            for thread in threads:
                thread.join(_LAST_LINES_SECONDS)


@contextmanager
def lifeline() -> Iterator[int]:
    """Give the end of a pipe, for processes to inherit: it is at its end when the body, or this process, has ended."""
    theirs, ours = os.pipe()
    try:
        yield theirs
    finally:
        os.close(theirs)
        os.close(ours)


def _started(command: Sequence[str], environment: Mapping[str, str], pipe: int) -> ChildProcess:
    return subprocess.Popen(  # noqa: S603 - modules that are installed
        [sys.executable, "-m", "qontract.entrypoints.dev.die_with_parent", str(pipe), *command],
        env=environment,
        pass_fds=(pipe,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="backslashreplace",
        start_new_session=True,  # Ctrl-C reaches this process alone, which ends them in order
    )


def _end(processes: Iterable[ChildProcess]) -> None:
    """Ask all to end, and wait for it."""
    for process in processes:
        process.terminate()
    until = time.monotonic() + _STOP_SECONDS
    for process in processes:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            continue


def _kill(processes: Iterable[ChildProcess]) -> None:
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def how_ended(code: int) -> str:
    """Say how a process ended that has this return code: below 0, it is a signal's, of which a process says nothing."""
    if code >= 0:
        return f"ended with exit code {code}; its last lines say why"
    names = {number.value: f" ({number.name})" for number in signal.Signals}
    return f"was killed by signal {-code}{names.get(-code, '')}"


def ready(url: str) -> bool:
    """Say whether the URL answers with success."""
    try:
        return httpx.get(url, timeout=2, trust_env=False, verify=_NO_CERTIFICATES).is_success
    except httpx.HTTPError:
        return False


def free_port(wanted: int) -> int:
    """Return the port if it is free, or any that is for 0. Raises StackError."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", wanted))
        except OverflowError:
            raise StackError(f"there is no port {wanted}; choose lower ones with --port") from None
        except OSError as error:
            raise StackError(f"port {wanted} is taken ({error.strerror}); choose others with --port") from None
        return int(listener.getsockname()[1])
