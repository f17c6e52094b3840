"""Is it well? One sentence, then a line for each thing."""

import os
from typing import Annotated

import typer

from qontract.domain.health_findings import HealthStatus

_CODES = {HealthStatus.WELL: 0, HealthStatus.NOT_WELL: 1, HealthStatus.NOT_KNOWN: 3}
EXAMPLES = ["qontract status", "qontract status --json | jq -r .sentence", "qontract status >/dev/null || page-someone"]


def status(*, as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False) -> None:
    """Say whether all is well: Redis, processes, integrations, jobs, subscriptions, what waits, and dead letters.

    Each thing that is not well has its reason, and what to do next. It takes three seconds at most.

    Exits with 0 if all is well, with 1 if something is not, and with 3 if that could not be found out: if Redis does
    not answer, or a setting is wrong.
    """
    from qontract.domain.status import status_of
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.presenters.status import lines, record
    from qontract.entrypoints.terminal_text import as_json as to_json
    from qontract.entrypoints.terminal_text import width

    try:
        facts = get_container().status().read_facts()
    except SystemExit as error:  # of a wrong setting
        typer.echo(error, err=True)
        raise typer.Exit(_CODES[HealthStatus.NOT_KNOWN]) from None
    found = status_of(facts)
    if as_json:
        typer.echo(to_json(record(facts), indent=2))
    else:
        for line, wellness in lines(found, width()):
            is_plain = wellness is HealthStatus.WELL or os.environ.get("NO_COLOR")
            typer.echo(line if is_plain else typer.style(line, fg=typer.colors.RED))
    raise typer.Exit(_CODES[found.wellness])
