"""Memory: how much a process grows after its first 10,000 events. Linux only.

`python -m benchmarks.memory publish|drain EVENTS FIRST` prints it in MiB.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.draining import Counting, ours
from benchmarks.events import domain_events
from benchmarks.measuring import Result
from qontract.entrypoints.container import Container


def memory(_: str, __: int, *, events: int = 100_000, first: int = 10_000) -> list[Result]:
    """Publish in a process, and drain what it published in another one."""
    results = []
    for what in ("publish", "drain"):
        command = [sys.executable, "-m", "benchmarks.memory", what, str(events), str(first)]
        grown = float(subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout)
        results.append(Result(f"memory: {what} {events:,}", "MiB", (grown,), at_most=20))
    return results


class Growth:
    """The most that the resident set has grown since the first events, in MiB."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._at_first = 0.0
        self.most = 0.0

    def look(self, events: int) -> None:
        """Look after this many events."""
        if events == self._first:
            self._at_first = _resident()
        elif events > self._first and events % 1000 == 0:
            self.most = max(self.most, _resident() - self._at_first)


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _publish(events: int, growth: Growth) -> None:
    manager = Container().event_manager()
    for published in range(100, events + 1, 100):
        manager.publish_events(domain_events(100))
        growth.look(published)


def _main(what: str, events: int, first: int) -> None:
    growth = Growth(first)
    if what == "publish":
        _publish(events, growth)
    else:
        asyncio.run(ours(os.environ["QAPI_CACHE_BROKER_URL"], Counting(events, growth.look)))
    print(growth.most)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
