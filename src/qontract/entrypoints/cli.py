"""The command line."""

import json
import runpy
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from qontract.entrypoints import dead_letters, events

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(events.app, name="events")

_SCOPES = ["reconcile:plan", "reconcile:apply"]
_Integration = Annotated[str, typer.Argument(help="The name of the integration")]


@app.command()
def api() -> None:
    """Run the HTTP API."""
    _run("api")


@app.command()
def worker() -> None:
    """Run the worker, which does what the API accepted."""
    _run("worker")


@app.command()
def subscriber() -> None:
    """Run the subscriber, which reacts to events."""
    _run("subscriber")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def sandbox(
    context: typer.Context,
    integration: _Integration,
    state: Annotated[
        list[Path] | None, typer.Option(help="What it begins with; an example if there is none. Perhaps more than one")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where it serves")] = 8083,
) -> None:
    """Run the sandbox of an integration, for tests. More options go to it: see qontract sandbox NAME -- --help."""
    from qontract.entrypoints.sandboxes import SandboxError, run

    try:
        run(integration, state or [], port, context.args)
    except SandboxError as error:
        raise SystemExit(f"qontract: {error}") from None


def _run(process: str) -> None:
    runpy.run_module(f"qontract.entrypoints.{process}", run_name="__main__", alter_sys=True)


@app.command()
def dev(
    sandbox: Annotated[
        list[str] | None,
        typer.Option(metavar="INTEGRATION=FILE", help="What this sandbox begins with, in place of its example"),
    ] = None,
    data: Annotated[Path, typer.Option(help="Where Valkey keeps what it holds")] = Path(".dev"),
    port: Annotated[
        int,
        typer.Option(
            min=1,
            max=65532,
            help="The API's; the subscriber, the worker and each sandbox, by name, get the next ones",
        ),
    ] = 8080,
) -> None:
    """Run everything on this machine, with an embedded Valkey and all sandboxes, until Ctrl-C."""
    with _ended_by_signals():
        from qontract.entrypoints.dev import run

        run(dict(map(_state, sandbox or ())), data, port)


@app.command()
def demo(
    integration: _Integration = "slack-usergroups",
    desired: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The desired state; an example if there is none")
    ] = None,
    sandbox: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="What the sandbox begins with; an example if there is none"),
    ] = None,
) -> None:
    """Reconcile a desired state on this machine, against a sandbox, show each event, and end."""
    with _ended_by_signals():
        from qontract.entrypoints.dev.demo import run

        run(integration, desired, sandbox)


def _state(option: str) -> tuple[str, Path]:
    """Return what `INTEGRATION=FILE` says."""
    integration, separator, file = option.partition("=")
    if not (separator and Path(file).is_file()):
        raise typer.BadParameter(f"{option}: no INTEGRATION=FILE, or no such file", param_hint="--sandbox")
    return integration, Path(file)


@app.command()
def reconcile(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The desired state")],
    token: Annotated[str, typer.Option(envvar="QAPI_TOKEN", help="A bearer token; see `qontract token`")],
    apply: Annotated[bool, typer.Option("--apply", help="Apply the plan; without it, only show it")] = False,
    api_url: Annotated[str, typer.Option(envvar="QAPI_API_URL")] = "http://localhost:8080",
) -> None:
    """Bring Slack to the desired state that FILE describes. Exits with 1 if anything failed or was skipped."""
    from rich.console import Console

    from qontract.entrypoints import client, report

    try:
        result = client.reconcile(api_url, token, _json(file), apply=apply)
    except client.ClientError as error:
        raise SystemExit(f"qontract: {error}") from None
    report.show(result, Console())
    raise typer.Exit(0 if result["status"] == "success" else 1)


@app.command()
def token(
    subject: Annotated[str, typer.Option(help="Who the token is for")] = "cli",
    scope: Annotated[list[str], typer.Option(help="Once for each scope")] = _SCOPES[:1],
    expires: Annotated[int, typer.Option(min=1, help="Seconds that it is valid")] = 3600,
) -> None:
    """Print a bearer token, signed with QAPI_AUTH__SECRET."""
    from qontract.entrypoints.settings import load_settings
    from qontract.entrypoints.tokens import issue_token

    auth = load_settings().auth
    if auth.secret is None:
        raise SystemExit("qontract: QAPI_AUTH__SECRET: not set; it is the key that the API has")
    typer.echo(
        issue_token(
            auth.secret.get_secret_value(),
            subject,
            scope,
            timedelta(seconds=expires),
            audience=auth.audience,
            issuer=auth.issuer,
        )
    )


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except ValueError as error:
        raise SystemExit(f"qontract: {file}: not JSON: {error}") from None


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end the body in good order, and what it cannot go on from with a line."""
    for number in (signal.SIGTERM, signal.SIGINT):  # the second may be ignored, in a job of a shell
        signal.signal(number, signal.default_int_handler)
    try:
        from qontract.entrypoints.dev.processes import StackError
        from qontract.entrypoints.sandboxes import SandboxError

        try:
            yield
        except (StackError, SandboxError) as error:
            raise SystemExit(f"qontract: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
