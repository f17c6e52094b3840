"""Thousands of requests that schemathesis makes of the API's own document: `--kind api`, and more of them by itself."""

import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from threading import Event as Flag
from time import monotonic
from typing import Annotated

import typer
from rich.console import Console

from qontract.adapters.memory import InMemoryGithubTeams, InMemoryJobQueue, InMemorySlackUsergroups
from qontract.entrypoints.integrations import InstalledIntegrations
from qontract.entrypoints.tokens import issue_token
from tests.chaos.report import Outcome, table
from tests.support.api_in_memory import SECRET, api_in_memory
from tests.support.schema_cases import Statuses, fuzz

EXAMPLES = 42
"""Of each kind, of each operation, with each token: more than 3,000 requests."""
_ROOM = {"requests_at_once": 10**9, "open_jobs": 10**9}
_INSTALLED = InstalledIntegrations({"slack-usergroups": InMemorySlackUsergroups, "github-teams": InMemoryGithubTeams})
_TOKENS: tuple[list[str], ...] = (
    ["reconcile:apply"],
    ["slack-usergroups:plan:coreos"],
    [],
)


def run(
    kind: str, seed: int, *, stop: Flag | None = None, keep: Path | None = None, examples: int = EXAMPLES
) -> Outcome:
    """Send them, and count the answers, and what is not as the document says. It keeps no files."""
    del keep
    began, statuses, numbers = monotonic(), Statuses(), Counter[str]()
    for scopes in _TOKENS:
        if stop and stop.is_set():
            raise InterruptedError
        token = issue_token(SECRET, "fuzz", scopes, timedelta(days=1), audience="qontract-api", issuer="qontract")
        app = api_in_memory(InMemoryJobQueue({}), _INSTALLED, _ROOM, {})
        try:
            statuses += fuzz(app, {"authorization": f"Bearer {token}"}, examples, seed)
        except BaseExceptionGroup as found:
            numbers["not as documented"] += len(found.exceptions)
            print(*found.exceptions, sep="\n", file=sys.stderr)
    numbers["requests"], numbers["seconds"] = statuses.total(), round(monotonic() - began)
    for (_, status), count in statuses.items():
        numbers[f"{status // 100}xx"] += count
    answers = Counter({f"{operation}: {status}": count for (operation, status), count in statuses.items()})
    return Outcome(kind, str(seed), numbers, answers, Counter())


def main(
    examples: Annotated[int, typer.Option(help="Of each kind, of each operation, with each token")] = 200, seed: int = 1
) -> None:
    """Send them, and show what was answered; exit with 1 if an answer is 5xx, or not as the document says."""
    outcome = run("api", seed, examples=examples)
    Console().print(table([outcome]))
    sys.exit(not outcome.sound)


if __name__ == "__main__":
    typer.run(main)
