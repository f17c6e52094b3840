"""`python -m benchmarks`: run every work, show the table, and exit with 1 if a bar is not met."""

import json
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Annotated

import redis
import typer
from rich.console import Console

from benchmarks.draining import drain
from benchmarks.imports import imports
from benchmarks.jobs import jobs
from benchmarks.latency import latency
from benchmarks.many_subscriptions import idle, many
from benchmarks.measuring import Result
from benchmarks.memory import memory, window
from benchmarks.planning import planning
from benchmarks.publishing import on_a_replica, one, parallel, together
from benchmarks.slack_calls import slack_calls
from benchmarks.table import table
from benchmarks.wiring import valkey

WORKS: dict[str, Callable[[str, int], list[Result]]] = {
    "publish": one,
    "publish-together": together,
    "publish-parallel": parallel,
    "publish-replica": on_a_replica,
    "drain": drain,
    "many": many,
    "idle": idle,
    "latency": latency,
    "jobs": jobs,
    "planning": planning,
    "slack-calls": slack_calls,
    "memory": memory,
    "memory-window": window,
    "imports": imports,
}
"""Each gets the URL of an empty Valkey, and how many rounds to run."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    only: Annotated[
        list[str] | None, typer.Option(help=f"One or more of {', '.join(WORKS)}; all, if not given")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often ours and the peers take turns")] = 4,
    json_file: Annotated[Path | None, typer.Option("--json", help="A file for all the figures")] = None,
) -> None:
    """Measure ours against the peers. Exits with 1 if a bar is not met."""
    if unknown := set(only or ()) - WORKS.keys():
        raise typer.BadParameter(f"no such work: {', '.join(unknown)}", param_hint="--only")
    console, started, results = Console(width=None if sys.stdout.isatty() else 200), monotonic(), []
    with valkey() as url, redis.Redis.from_url(url) as client:
        for name in only or WORKS:
            client.flushall()
            begun = monotonic()
            results += WORKS[name](url, rounds)
            typer.echo(f"{name}: {monotonic() - begun:.0f} s", err=True)
    machine = {"cpus": os.cpu_count(), "machine": platform.platform(), "python": platform.python_version()}
    console.print(table(results))
    console.print(f"{rounds} rounds, {monotonic() - started:.0f} s; {machine['cpus']} CPUs, Python {machine['python']}")
    if json_file:
        json_file.write_text(json.dumps(machine | {"results": [result.to_json() for result in results]}, indent=2))
    raise typer.Exit(not all(result.met for result in results))


if __name__ == "__main__":
    app()
