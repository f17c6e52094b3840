"""A terminal of 80 columns, in which `qontract` begins at once: a process that has loaded it forks for each command."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tests.support.commands import environment

ROOT = Path(__file__).parents[2]
COLUMNS = 80
_COLOURS = re.compile(r"\x1b\[[\d;]*m")
_LOADED = [
    "rich.console",
    *(
        f"qontract.entrypoints.{name}"
        for name in ("cli", "client.report", "container", "event_lines", "event_types", "passports", "status_records")
    ),
]


@dataclass(frozen=True)
class Shell:
    """Where commands are given."""

    process: subprocess.Popen[str]

    def run(self, *arguments: str, directory: Path, settings: Mapping[str, str]) -> tuple[int, str]:
        """Run `qontract ARGUMENTS` to its end; return its exit code, and what is on the screen then."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([arguments, str(directory), dict(settings)]) + "\n")
        self.process.stdin.flush()
        code, said = json.loads(self.process.stdout.readline())
        return code, _COLOURS.sub("", said).replace("\r\n", "\n")


@contextmanager
def a_shell() -> Iterator[Shell]:
    """Give one, until the body ends."""
    command = [sys.executable, "-m", "tests.support.shell"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        yield Shell(running)
        running.communicate(timeout=20)


def _serve() -> None:
    for name in _LOADED:
        import_module(name)
    for line in sys.stdin:
        print(json.dumps(_ran(*json.loads(line))), flush=True)


def _ran(arguments: list[str], directory: str, settings: dict[str, str]) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    child = os.fork()
    if not child:
        for descriptor in range(3):
            os.dup2(theirs, descriptor)
        os.chdir(directory)
        os.environ.update(settings, TERM="dumb")  # without a line that changes while somebody waits
        _become(arguments)
    os.close(theirs)
    said = b""
    with suppress(OSError):  # the end of a terminal
        while part := os.read(ours, 65536):
            said += part
    os.close(ours)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.decode()


def _become(arguments: list[str]) -> None:
    from qontract.entrypoints.cli import main

    sys.argv = ["qontract", *arguments]
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - as a terminal, and not as the pipe that it was
    code = 0
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:  # noqa: BLE001 - what a shell shows
        print(f"Traceback: {error!r}", file=sys.stderr)
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
