"""Commands, as processes: forked ones that begin at once, or real ones; and which processes they leave."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from uuid import uuid4

from tests.support.forked import Forked

QONTRACT = [sys.executable, "-m", "qontract.entrypoints.cli"]


def environment(**more: str) -> dict[str, str]:
    """Return the environment without settings of ours, and with these."""
    return {key: value for key, value in os.environ.items() if not key.startswith("QAPI_")} | more


def run(*arguments: str, typed: str | None = None, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `qontract ARGUMENTS` to its end, with this as its input."""
    return end_of(arguments, environment(**settings), typed)


def end_of(
    arguments: Sequence[str], settings: dict[str, str], typed: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `qontract ARGUMENTS` to its end, with this environment and no more."""
    return end_of_python([*QONTRACT[1:], *arguments], settings, typed)


def end_of_python(
    arguments: Sequence[str], settings: dict[str, str], typed: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `python ARGUMENTS`, which is `-m` or `-c`, to its end, with this environment and no more."""
    stdin = None if typed is None else subprocess.PIPE
    pipes = {"stdin": stdin, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Forked(arguments, env=settings, **pipes) as process:
        try:
            out, errors = process.communicate(typed, timeout=50)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(arguments, process.returncode, out, errors)


@contextmanager
def nothing_left() -> Iterator[str]:
    """Give what the environment of every process is to hold as MARK; fail if one of them is left at the end."""
    mark = str(uuid4())
    yield mark
    assert processes(mark) == {}


def processes(mark: str) -> dict[int, str]:
    """Return the processes that have this mark in their environment: process id → command line."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found


@dataclass
class Running:
    """A command that runs, and what it has said so far."""

    process: subprocess.Popen[str]
    reader: Thread
    lines: list[str]

    def line(self, part: str, seconds: float = 40) -> str:
        """Return the first line that has this part, when it is said. Fails if it is not in time."""
        deadline = time.monotonic() + seconds
        while True:
            ended = not self.reader.is_alive()
            for line in list(self.lines):
                if part in line:
                    return line
            assert not ended, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)

    def end(self, how: signal.Signals) -> int:
        """Send the signal, as a terminal does, and return the exit code."""
        os.killpg(self.process.pid, how)
        return self.process.wait(30)

    @property
    def said(self) -> str:
        """All of it."""
        return "".join(self.lines)


@contextmanager
def running(*arguments: str, **settings: str) -> Iterator[Running]:
    """Run `qontract ARGUMENTS` while the body runs."""
    with subprocess.Popen(
        [*QONTRACT, *arguments],
        env=environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        lines: list[str] = []
        reader = Thread(target=lines.extend, args=(process.stdout,))
        reader.start()
        running = Running(process, reader, lines)
        try:
            yield running
        finally:
            if process.poll() is None:
                running.end(signal.SIGTERM)
            reader.join()
