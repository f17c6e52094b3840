"""The handler of a run. It misbehaves as the seed says, and records what it finished.

Environment: CHAOS_DIR, where the records go; CHAOS_SEED; CHAOS_SHARED, not empty for a shared subscription.
"""

import asyncio
import os
import time
from pathlib import Path
from random import Random
from time import monotonic_ns

from qontract.application.ports.event_handler import Delivery, EventHandler, Policy
from qontract.domain.events import DomainEvent

TIMEOUT = 0.5
EXIT_CODE = 70
FAILS, EXITS = 0.003, 0.0002
"""How likely it is that every attempt at an event fails, or ends its process."""

FIRST_ATTEMPTS = {
    "fails": 0.02,
    "is slow": 0.01,
    "hangs": 0.004,
    "is cancelled": 0.004,
    "raises SystemExit": 0.002,
    "exits": 0.0015,
    "swallows its cancellation": 0.0015,
    "blocks": 0.001,
}
"""How likely each is, of each of the first two attempts at an event; the rest behaves well."""


class Recorder(EventHandler):
    """Runs `work` on each event."""

    types = ("chaos.*",)

    def __init__(self) -> None:
        shared = bool(os.environ["CHAOS_SHARED"])
        # As many attempts as no event loses by replicas that are killed while it runs.
        self.policy = Policy(shared=shared, max_attempts=10, backoff=0.1, max_backoff=0.5, timeout=TIMEOUT)

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        await work(event.id, delivery.attempt)


async def work(event_id: str, told: int) -> None:
    """Work for 5 ms, or do what this event does this time; then record it, immediately before returning.

    A record is begin and end (CLOCK_MONOTONIC, in ns: one clock for all processes of a machine), process, event, and
    the attempt that the handler was told.
    """
    begin, directory, seed = monotonic_ns(), Path(os.environ["CHAOS_DIR"]), os.environ["CHAOS_SEED"]
    begun = append(directory / "begun" / event_id, ".")
    if what := manner(seed, event_id, begun):
        append(directory / "misbehaved", f"{what}\n")
    match what:
        case "fails":
            raise RuntimeError("as the seed says")
        case "exits":
            os._exit(EXIT_CODE)
        case "is cancelled":
            raise asyncio.CancelledError
        case "raises SystemExit":
            raise SystemExit("and the process goes on")
        case "hangs":
            await asyncio.sleep(3600)
        case "blocks":
            time.sleep(Random(event_id).uniform(1, 3))  # noqa: ASYNC251 - that is what it does
        case "swallows its cancellation":
            await _sleep_whatever_comes(Random(event_id).uniform(1, 4))
        case _:
            await asyncio.sleep(0.2 if what else 0.005)
    append(directory / "records" / str(os.getpid()), f"{begin} {monotonic_ns()} {os.getpid()} {event_id} {told}\n")


def manner(seed: object, event_id: str, begun: int) -> str:
    """Say how the handler misbehaves that begins this event for the so many-th time, or ""."""
    if why := poison(seed, event_id):
        return why
    if begun > 2:
        return ""
    behaves = 1 - sum(FIRST_ATTEMPTS.values())
    return Random(f"{seed} {event_id} {begun}").choices(["", *FIRST_ATTEMPTS], [behaves, *FIRST_ATTEMPTS.values()])[0]


def poison(seed: object, event_id: str) -> str:
    """Say what every attempt at this event does, so that it is never handled; or "", as for most."""
    chance = Random(f"{seed} {event_id}").random()
    return "fails" if chance < FAILS else "exits" if chance < FAILS + EXITS else ""


async def _sleep_whatever_comes(seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            await asyncio.sleep(left)
        except asyncio.CancelledError:
            continue


def append(file: Path, text: str) -> int:
    """Append in one write, so that nothing is torn; return the size."""
    with file.open("ab", buffering=0) as opened:
        opened.write(text.encode())
        return opened.tell()
