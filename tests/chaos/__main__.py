"""`python -m tests.chaos`: seeded runs of each kind, and a table for each kind."""

import signal
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event as Flag
from typing import Annotated

import typer
from rich.console import Console

from tests.chaos import api, hostile, publishing
from tests.chaos.kinds import KINDS
from tests.chaos.report import Outcome, table
from tests.chaos.run import run

SEEDS = {
    "ordered": 20,
    "shared": 20,
    "plain": 4,
    "publishing": 200,
    "unsafe": 20,
    "failover": 30,
    "failover-replicated": 30,
    "failover-one-replica": 30,
    "failover-cluster": 30,
    "failover-cluster-replicated": 30,
    "failover-fsync": 30,
    "failover-fsync-replicated": 30,
    "failover-unkept": 10,
    "hostile": 1,
    "api": 1,
}
"""How many seeds each kind gets, unless a number is asked for."""

CONTROLS = {"plain", "unsafe", "failover-unkept"}
"""They lose events in the same runs: who loses none here, sees none."""
_RUNS: dict[str, Callable[..., Outcome]] = {
    **dict.fromkeys(KINDS, publishing.run),
    "hostile": hostile.run,
    "api": api.run,
}
_AT_ONCE = {"publishing": 6, "unsafe": 6, "hostile": 1, "api": 1}
"""How many runs at a time, if not three: a worker mostly waits."""


def main(
    seeds: Annotated[int, typer.Option(help="How many runs of each kind; 0: as many as is usual")] = 0,
    first_seed: int = 1,
    kind: Annotated[str, typer.Option(help=f"One of {', '.join(SEEDS)}; all, if not given")] = "",
    keep: Annotated[Path | None, typer.Option(help="A directory in which the runs' files stay")] = None,
) -> None:
    """Run, show, and exit with 1 if an event was lost, wrongly given up, untrue, doubled, or out of order.

    Or if a hostile value ended or stopped something, or nobody can say what became of it; or an answer of the API was
    5xx, or not as its document says. The controls are to lose some, else that is 1 too.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    stop, console, sound = Flag(), Console(width=None if sys.stdout.isatty() else 160), True
    for name, usual in SEEDS.items():
        if kind in {"", name}:
            one = partial(_RUNS.get(name, run), name, stop=stop, keep=keep)
            ended = _run(one, range(first_seed, first_seed + (seeds or usual)), _AT_ONCE.get(name, 3), stop)
            outcomes = [end for end in ended if isinstance(end, Outcome)]
            if outcomes:
                console.print(table(outcomes))
            for broken in (end for end in ended if isinstance(end, BaseException)):
                console.print(f"{type(broken).__name__}: {broken}", markup=False)
            lost = sum(outcome.numbers["lost"] for outcome in outcomes)
            right = lost > 0 if name in CONTROLS else all(outcome.sound for outcome in outcomes)
            sound = sound and right and len(outcomes) == len(ended)
    sys.exit(not sound)


def _run(
    one: Callable[[int], Outcome], seeds: Iterable[int], at_once: int, stop: Flag
) -> list[Outcome | BaseException]:
    """Return the outcome of each run; of one that broke off, what was raised in it: the others go on."""
    with ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(one, seed) for seed in seeds]
        try:
            return [future.exception() or future.result() for future in futures]
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


if __name__ == "__main__":
    typer.run(main)
