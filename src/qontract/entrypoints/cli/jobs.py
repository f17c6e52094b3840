"""Jobs: what waits, runs and has ended, who wanted it and why; put an end to one.

With a token (QAPI_TOKEN) the API is asked, which shows what the token may see; without one, Redis itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from qontract.entrypoints.cli.terminal import API_URL, confirmed, examples, no_answer_message
from qontract.entrypoints.points_in_time import point_in_time

if TYPE_CHECKING:
    from qontract.application.control.jobs import JobControl

app = typer.Typer(help=__doc__, no_args_is_help=True)

_STATUSES = ("pending", "running", "success", "failed", "skipped", "blocked", "unreadable")


def _moment(text: str) -> Any:
    try:
        return point_in_time(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _status(text: str | None) -> str | None:
    if text not in {None, *_STATUSES}:
        raise typer.BadParameter(f"one of {', '.join(_STATUSES)}")
    return text


_Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the job")]
_Token = Annotated[str | None, typer.Option(envvar="QAPI_TOKEN", help="Ask the API, with this token, and not Redis")]
_ApiUrl = Annotated[str, typer.Option(envvar="QAPI_API_URL", help="Where the API is")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON")]


@app.command(
    "list",
    epilog=examples(
        "qontract jobs list --status running",
        "qontract jobs list --integration slack-usergroups --scope acme --since 2h --json",
    ),
)
def list_(
    *,
    integration: Annotated[str | None, typer.Option(help="Only those of this integration")] = None,
    status: Annotated[
        str | None, typer.Option(callback=_status, metavar="STATUS", help=f"Only these: {', '.join(_STATUSES)}")
    ] = None,
    scope: Annotated[
        str | None, typer.Option(help="Only those of this workspace, organisation, …; or slack-usergroups/acme")
    ] = None,
    since: Annotated[
        Any, typer.Option(parser=_moment, metavar="TIME", help="Only those submitted since then: 10m, 2h, 2026-01-31")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON: a line for each")] = False,
    token: _Token = None,
    api_url: _ApiUrl = API_URL,
) -> None:
    """List jobs, newest first: when each was submitted, how far it is, what it is about, and who asked for it.

    Jobs that wait are kept for a week, and results for a day.
    """
    from qontract.entrypoints import client
    from qontract.entrypoints.presenters.jobs import listed, record
    from qontract.entrypoints.terminal_text import as_json as to_json
    from qontract.entrypoints.terminal_text import width

    integration, scope = _place(integration, scope)
    with _jobs(token) as jobs:
        if jobs:
            _refuse_unknown(integration)
            views = jobs.latest(limit=limit, integration=integration, status=status, scope=scope, since=since)
            found = [record(view, whole=False) for view in views]
        else:
            params = _params(integration=integration, status=status, scope=scope, since=since, limit=limit)
            found = client.ask(api_url, token or "", "GET", "jobs", has="jobs", params=params)["jobs"]
    for line in map(to_json, found) if as_json else listed(found, width()):
        typer.echo(line)
    if not found:
        chosen = any((integration, status, scope, since))
        typer.echo("no jobs match" if chosen else "no jobs", err=True)


def _params(*, since: datetime | None, limit: int, **conditions: str | None) -> dict[str, str]:
    """Return the query of the API for these conditions."""
    given = {name: value for name, value in conditions.items() if value is not None}
    return given | ({"since": since.isoformat()} if since else {}) | {"limit": str(limit)}


@app.command(epilog=examples("qontract jobs show 2f1c9d7e-0a54-4c3e-9a58-0d6f5b7f1c11"))
def show(job_id: _Id, *, as_json: _Json = False, token: _Token = None, api_url: _ApiUrl = API_URL) -> None:
    """Show one job: who wanted it and why, what is planned, what was applied, what failed, and what to do next."""
    from rich.console import Console

    from qontract.entrypoints.client import report
    from qontract.entrypoints.presenters.jobs import lines
    from qontract.entrypoints.terminal_text import as_json as to_json

    found = _one(job_id, token, api_url)
    if as_json:
        typer.echo(to_json(found, indent=2))
        return
    typer.echo("\n".join(lines(found)))
    result = found["result"]
    if result["actions"] or result["errors"]:
        typer.echo()
        screen = Console(highlight=False, markup=False, emoji=False)
        report.show(result, screen, apply=not found["dry_run"])


@app.command(
    epilog=examples(
        "qontract jobs cancel 2f1c9d7e-0a54-4c3e-9a58-0d6f5b7f1c11",
        "qontract jobs cancel 2f1c9d7e-0a54-4c3e-9a58-0d6f5b7f1c11 --yes --json",
    )
)
def cancel(
    job_id: _Id,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking")] = False,
    as_json: _Json = False,
    token: _Token = None,
    api_url: _ApiUrl = API_URL,
) -> None:
    """Cancel a job: one that waits never begins; one that runs stops before its next action.

    What it has applied stays, and its events are published. It ends as `skipped` if that was nothing, else as `failed`.
    """
    from qontract.entrypoints import client
    from qontract.entrypoints.cli.operating_user import operating_user
    from qontract.entrypoints.presenters.jobs import progress_text
    from qontract.entrypoints.terminal_text import as_json as to_json
    from qontract.entrypoints.terminal_text import safe

    found = _one(job_id, token, api_url)
    effect = "what it has applied stays" if found["began_at"] else "it never begins"
    already = found["cancelled_by"]
    if not already:
        confirmed(safe(f"job {job_id}: {progress_text(found)}; {effect}"), yes=yes, quiet=as_json)
    with _jobs(token, logs=True) as jobs:
        if jobs:
            outcome = jobs.cancel(job_id, by=operating_user()).value
        else:
            path = f"jobs/{_quoted(job_id)}/cancel"
            outcome = client.ask(api_url, token or "", "POST", path, has="outcome")["outcome"]
    if as_json:
        typer.echo(to_json({"id": job_id, "outcome": outcome}))
    elif already:
        typer.echo(safe(f"already cancelled by {already}; to see it: qontract jobs show {job_id}"))
    elif outcome == "cancelled":
        typer.echo("cancelled: nothing more of it is done")
    else:
        typer.echo(safe(f"it stops before its next action; to see it: qontract jobs show {job_id}"))


def _place(integration: str | None, scope: str | None) -> tuple[str | None, str | None]:
    """Take apart a scope that is written as `status` writes it: slack-usergroups/acme."""
    first, slash, rest = (scope or "").partition("/")
    return (first, rest) if slash and integration in {None, first} else (integration, scope)


def _refuse_unknown(integration: str | None) -> None:
    from qontract.entrypoints import integrations, plugins
    from qontract.entrypoints.terminal_text import safe

    names = plugins.installed_names(integrations.GROUP)
    if integration is not None and integration not in names:
        installed = f"there are {', '.join(sorted(names))}"
        raise SystemExit(f"qontract: {safe(integration)}: no such integration is installed here; {installed}")


def _one(job_id: str, token: str | None, api_url: str) -> dict[str, Any]:
    from qontract.entrypoints import client
    from qontract.entrypoints.presenters.jobs import record

    with _jobs(token) as jobs:
        if jobs:
            return record(jobs.get(job_id), whole=True)
        return client.ask(api_url, token or "", "GET", f"jobs/{_quoted(job_id)}", has="result")


def _quoted(job_id: str) -> str:
    return quote(job_id.encode(errors="replace"), safe="")


@contextmanager
def _jobs(token: str | None, *, logs: bool = False) -> "Iterator[JobControl | None]":
    """Give what controls the jobs in Redis; None: the API is to be asked. Say in one line what goes wrong."""
    from qontract.application.control.jobs import EndedJobError, UnknownJobError
    from qontract.application.ports.job_admin import JobAdminError
    from qontract.entrypoints.client import ClientError
    from qontract.entrypoints.terminal_text import safe

    try:
        yield None if token else _control(logs=logs)
    except UnknownJobError as error:
        hint = "see `qontract jobs list`"
        raise SystemExit(f"qontract: {safe(error)}: no such job was submitted, or it is forgotten; {hint}") from None
    except EndedJobError as error:
        raise SystemExit(f"qontract: not cancelled: {safe(error)}") from None
    except JobAdminError as error:
        raise no_answer_message(error, setting="QAPI_CACHE_BROKER_URL") from None
    except ClientError as error:
        raise SystemExit(f"qontract: {error}") from None


def _control(*, logs: bool) -> "JobControl":
    """Return what controls the jobs in Redis. `logs`: who does what is logged."""
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.logs import configure_logs

    container = get_container()
    if container.settings().auth.secret is None:
        needed = "QAPI_TOKEN, to ask the API, or QAPI_AUTH__SECRET and QAPI_CACHE_BROKER_URL, to ask Redis"
        raise SystemExit(f"qontract: to look at jobs, give {needed}")
    if logs:
        configure_logs("INFO")
    jobs: JobControl = container.job_control()
    return jobs
