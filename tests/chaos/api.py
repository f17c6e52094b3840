"""`python -m tests.chaos.api`: thousands of requests that schemathesis makes of the API's document."""

import sys
from collections import Counter
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from qontract.adapters.memory import InMemoryGithubTeams, InMemoryJobQueue, InMemorySlackUsergroups
from qontract.entrypoints.integrations import Installed
from qontract.entrypoints.tokens import issue_token
from tests.support.api_in_memory import SECRET, api_in_memory
from tests.support.schema_cases import Statuses, fuzz

_ROOM = {"requests_at_once": 10**9, "open_jobs": 10**9}
_INSTALLED = Installed({"slack-usergroups": InMemorySlackUsergroups, "github-teams": InMemoryGithubTeams})
_TOKENS: tuple[list[str], ...] = (["reconcile:apply"], ["slack-usergroups:plan:coreos"], [])


def main(
    examples: Annotated[int, typer.Option(help="Of each kind, of each operation, with each token")] = 200, seed: int = 1
) -> None:
    """Send them, and show what was answered; exit with 1 if an answer is 5xx, or not as the document says."""
    statuses: Statuses = Counter()
    for scopes in _TOKENS:
        token = issue_token(SECRET, "fuzz", scopes, timedelta(days=1), audience="qontract-api", issuer="qontract")
        app = api_in_memory(InMemoryJobQueue({}), _INSTALLED, _ROOM, {})
        try:
            statuses += fuzz(app, {"authorization": f"Bearer {token}"}, examples, seed)
        except BaseExceptionGroup as found:
            sys.exit("\n".join(str(error) for error in found.exceptions))
    table = Table("operation", "status", "answers", title=f"{statuses.total()} requests")
    for (operation, status), count in sorted(statuses.items()):
        table.add_row(operation, str(status), str(count))
    Console().print(table)
    sys.exit(any(status >= 500 for _, status in statuses))


if __name__ == "__main__":
    typer.run(main)
