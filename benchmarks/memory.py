"""Memory: how much a process grows, each in one of its own. Linux only.

`python -m benchmarks.memory publish|drain EVENTS FIRST` prints by how many MiB the resident set grew after the first
events, and at most from the start, and so does `window EVENTS FIRST`; `large EVENTS BYTES` only the latter.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import redis

from benchmarks.draining import Counting, ours
from benchmarks.events import an_event_manager, domain_events
from benchmarks.measuring import AtMost, Result
from qontract.adapters.memory import InMemoryReplicationHistory
from qontract.adapters.redis.event_publisher import encode
from qontract.application.failover_replay import MAX_EVENTS, FailoverReplay
from qontract.application.ports.event_handler import Delivery
from qontract.application.ports.event_sender import EncodedEvent, EventSender
from qontract.domain.events import DomainEvent

LARGE = ((120, 5_000_000, 320), (1500, 200_000, 320))
"""How many events, of how many bytes; and how many MiB they may take."""


def memory(
    url: str, _: int, *, events: int = 100_000, first: int = 10_000, large: tuple[tuple[int, int, int], ...] = LARGE
) -> list[Result]:
    """Publish in a process, and drain what it published in another one; then the same with large events."""
    published, _from_the_start = _grown("publish", events, first)
    drained, most = _grown("drain", events, first)
    results = [
        Result(f"memory: publish {events:,}, after {first:,}", "MiB", (published,), bar=AtMost(20)),
        Result(f"memory: drain {events:,}, after {first:,}", "MiB", (drained,), bar=AtMost(20)),
        Result(f"memory: drain {events:,}, from the start", "MiB", (most,), bar=AtMost(40)),
    ]
    for count, size, at_most in large:
        with redis.Redis.from_url(url) as client:
            client.flushall()
        _publish_large(count, size)
        _after, most = _grown("large", count, size)
        work = f"memory: drain {count:,} of {size / 1e6:g} MB, from the start"
        results.append(Result(work, "MiB", (most,), bar=AtMost(at_most)))
    return results


def window(_: str, __: int) -> list[Result]:
    """Remember as many events of a common size as the window of published events may have."""
    most = _grown("window", MAX_EVENTS, 0)[1]
    return [Result(f"memory: window of {MAX_EVENTS:,} published events", "MiB", (most,), bar=AtMost(30))]


def _grown(what: str, *numbers: int) -> tuple[float, float]:
    """Return the growth after the first events, and the most from the start."""
    command = [sys.executable, "-m", "benchmarks.memory", what, *map(str, numbers)]
    after, most = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=120).stdout)
    return float(after), float(most)


class Growth:
    """The most that the resident set has grown since the first events, in MiB."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._at_first = 0.0
        self.most = 0.0

    def measure(self, events: int) -> None:
        """Look after this many events."""
        if events == self._first:
            self._at_first = _resident("VmRSS")
        elif events > self._first and events % 1000 == 0:
            self.most = max(self.most, _resident("VmRSS") - self._at_first)


class Slow(Counting):
    """A handler that takes a millisecond."""

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        await asyncio.sleep(0.001)
        await super().handle(event, delivery)


def _resident(which: str) -> float:
    """Return the resident set in MiB: as it is (VmRSS), or as it was at most (VmHWM)."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{which}:")]
    return int(line.split()[1]) / 2**10


def _publish(events: int, growth: Growth) -> None:
    manager = an_event_manager()
    for published in range(100, events + 1, 100):
        manager.publish_events(domain_events(100))
        growth.measure(published)


def _publish_large(events: int, size: int) -> None:
    manager = an_event_manager()
    for number, event in enumerate(domain_events(events)):
        text = f"{number:07}" * (size // 7)
        manager.publish_event(DomainEvent(type="bench.large", subject=event.subject, data={"text": text}))


class _Nowhere(EventSender):
    """Encodes as the real one does, and sends nothing."""

    def encode(self, events: Sequence[DomainEvent]) -> Sequence[EncodedEvent]:
        return encode(events, "bench")

    def send(self, events: Sequence[EncodedEvent]) -> None:
        """Do nothing."""


def _remember(events: int, growth: Growth) -> FailoverReplay:
    remembering = FailoverReplay(_Nowhere(), InMemoryReplicationHistory(), watch=lambda _: None)
    for first in range(0, events, 100):
        remembering.publish(domain_events(100))
        growth.measure(first)
    growth.measure(events)
    return remembering


async def _drain(handler: type[Counting], events: int, growth: Growth) -> None:
    await ours(os.environ["QAPI_CACHE_BROKER_URL"], handler(events, growth.measure))


def _main(what: str, events: int, number: int) -> None:
    growth = Growth(number if what != "large" else 0)
    at_start = _resident("VmRSS")
    if what == "publish":
        _publish(events, growth)
    elif what == "window":
        _remember(events, growth)
    else:
        asyncio.run(_drain(Slow if what == "large" else Counting, events, growth))
    print(json.dumps([growth.most, _resident("VmHWM") - at_start]))


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
