"""The handler of a run. It misbehaves as the seed says, and records what it finished.

Environment: CHAOS_DIR, where the records go; CHAOS_SEED; CHAOS_SHARED, not empty for a shared subscription.
"""

import asyncio
import os
from pathlib import Path
from random import Random
from time import monotonic_ns

from qontract.application.ports.event_handler import EventHandler, Policy, attempt
from qontract.domain.events import DomainEvent

TIMEOUT = 0.5
EXIT_CODE = 70
EXITS, HANGS, FAILS, SLOW, POISON = 0.0015, 0.004, 0.02, 0.01, 0.003


class Recorder(EventHandler):
    """Runs `work` on each event."""

    types = ("chaos.*",)

    def __init__(self) -> None:
        shared = bool(os.environ["CHAOS_SHARED"])
        self.policy = Policy(shared=shared, attempts=6, pause=0.1, longest_pause=0.5, timeout=TIMEOUT)

    async def handle(self, event: DomainEvent) -> None:
        await work(event.id, attempt.get())


async def work(event_id: str, told: int) -> None:
    """Work for 5 ms, or do what this event does this time; then record it, immediately before returning.

    What it does hangs on the seed, the event, and how often it was begun; from the third time on only poison fails.
    A record is begin and end (CLOCK_MONOTONIC, in ns: one clock for all processes of a machine), process, event, and
    the attempt that the handler was told.
    """
    begin, directory, seed = monotonic_ns(), Path(os.environ["CHAOS_DIR"]), os.environ["CHAOS_SEED"]
    begun = _append(directory / "begun" / event_id, ".")
    if is_poison(seed, event_id):
        raise RuntimeError("poison")
    chance = Random(f"{seed} {event_id} {begun}").random() if begun <= 2 else 1
    if chance < EXITS:
        os._exit(EXIT_CODE)
    if chance < EXITS + HANGS:
        await asyncio.sleep(3600)
    if chance < EXITS + HANGS + FAILS:
        raise RuntimeError("as the seed says")
    await asyncio.sleep(0.2 if chance < EXITS + HANGS + FAILS + SLOW else 0.005)
    _append(directory / "records" / str(os.getpid()), f"{begin} {monotonic_ns()} {os.getpid()} {event_id} {told}\n")


def is_poison(seed: object, event_id: str) -> bool:
    """Say whether every attempt at this event fails."""
    return Random(f"{seed} {event_id}").random() < POISON


def _append(file: Path, text: str) -> int:
    """Append in one write, so that nothing is torn; return the size."""
    with file.open("ab", buffering=0) as opened:
        opened.write(text.encode())
        return opened.tell()
