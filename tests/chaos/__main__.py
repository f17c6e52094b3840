"""`python -m tests.chaos`: seeded runs of each kind, and a table for each kind."""

import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event as Flag
from typing import Annotated

import typer
from rich.console import Console

from tests.chaos.report import table
from tests.chaos.run import run

PLAIN_SEEDS = 4
"""How many seeds the peer gets when no kind is asked for."""


def main(
    seeds: Annotated[int, typer.Option(help="How many runs of each kind")] = 20,
    first_seed: int = 1,
    kind: Annotated[str, typer.Option(help="ordered, shared or plain; all, if not given")] = "",
    at_once: Annotated[int, typer.Option(help="How many runs at a time")] = 3,
    keep: Annotated[Path | None, typer.Option(help="A directory in which the runs' files stay")] = None,
) -> None:
    """Run, show, and exit with 1 if an event was lost, wrongly given up, or (ordered) out of order."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    stop, console = Flag(), Console(width=None if sys.stdout.isatty() else 160)
    counts = {kind: seeds} if kind else {"ordered": seeds, "shared": seeds, "plain": PLAIN_SEEDS}
    with ThreadPoolExecutor(at_once) as pool:
        runs = {
            name: [pool.submit(run, name, first_seed + number, stop=stop, keep=keep) for number in range(count)]
            for name, count in counts.items()
        }
        try:
            outcomes = {name: [future.result() for future in futures] for name, futures in runs.items()}
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    for found in outcomes.values():
        console.print(table(found))
    sys.exit(any(not outcome.sound for found in outcomes.values() for outcome in found if outcome.kind != "plain"))


if __name__ == "__main__":
    typer.run(main)
