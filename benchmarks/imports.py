"""Start-up: the help, the import of each entrypoint, and the making of its application."""

import os
import subprocess
import sys
from functools import partial

from benchmarks.measuring import AtMost, Result, in_turns, seconds

PROCESSES = ("api", "worker", "subscriber")
FASTAPI = "import fastapi"


def imports(_: str, rounds: int) -> list[Result]:
    """Run each in a process of its own, from its start to its end."""
    commands = {
        FASTAPI: ["-c", FASTAPI],
        "qontract --help": ["-m", "qontract.entrypoints.cli", "--help"],
        **{f"import …entrypoints.{name}": ["-c", f"import qontract.entrypoints.{name}"] for name in PROCESSES},
        **{
            f"make …entrypoints.{name}:app": ["-c", f"from qontract.entrypoints.{name} import app"]
            for name in PROCESSES
        },
    }
    found = in_turns({name: partial(_run, command) for name, command in commands.items()}, rounds)
    return [
        Result(name, "s", figures, FASTAPI, found[FASTAPI], bar=None if name.startswith("make") else AtMost(1.5))
        for name, figures in found.items()
        if name != FASTAPI
    ]


def _run(command: list[str]) -> float:
    environment = os.environ | {"QAPI_AUTH__SECRET": "without it, the API does not start"}
    run = partial(subprocess.run, check=True, stdout=subprocess.DEVNULL, env=environment)
    return seconds(lambda: run([sys.executable, *command]))
