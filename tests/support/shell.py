"""A terminal of 80 columns, in which `qontract` begins at once."""

import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.support.commands import QONTRACT, environment
from tests.support.forked import Forked

COLUMNS = 80
_COLOURS = re.compile(r"\x1b\[[\d;]*m")


def on_a_screen(*arguments: str, directory: Path, settings: Mapping[str, str]) -> tuple[int, str]:
    """Run `qontract ARGUMENTS` to its end; return its exit code, and what is on the screen then."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    known = environment(**settings) | {"TERM": "dumb"}  # without a line that changes while somebody waits
    command = [*QONTRACT[1:], *arguments]
    with Forked(command, cwd=directory, env=known, stdin=theirs, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        said = b""
        with suppress(OSError):  # the end of a terminal
            while part := os.read(ours, 65536):
                said += part
    os.close(ours)
    return running.returncode, _COLOURS.sub("", said.decode()).replace("\r\n", "\n")
