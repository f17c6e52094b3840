"""`python -m qontract.entrypoints.dev.die_with_parent PIPE MODULE …`: run a module until who started it is gone.

PIPE is a descriptor to read from, of a pipe that only that process can write to: the kernel closes it, also on kill -9.
"""

import os
import runpy
import signal
import sys
import time
from threading import Thread

_STOP_SECONDS = 15


def main() -> None:
    """Run it, with what follows as its command line."""
    Thread(target=_end_after, args=(int(sys.argv[1]),), daemon=True).start()
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_after(pipe: int) -> None:
    """Wait for the end of the pipe; then end this process in good order, and in the end at any price."""
    while os.read(pipe, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_STOP_SECONDS)
    os.killpg(0, signal.SIGKILL)  # it leads a group: what it started is in it


if __name__ == "__main__":
    main()
