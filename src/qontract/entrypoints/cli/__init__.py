"""qontract brings outside systems to the state that your files describe, and tells everyone what it did."""

import os
import re
import runpy
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from qontract.entrypoints.cli import acl, dead_letters, events, jobs, status, subscriptions, why
from qontract.entrypoints.cli.terminal import API_URL

app = typer.Typer(
    help=__doc__,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("acl", epilog=acl.EXAMPLES)(acl.print_rules)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(events.app, name="events")
app.add_typer(jobs.app, name="jobs")
app.add_typer(subscriptions.app, name="subscriptions")
app.command(epilog="\n\n".join(["Examples:", *status.EXAMPLES]))(status.status)
app.command(epilog=why.EPILOG)(why.why)

_SCOPES = ["reconcile:plan", "reconcile:apply", "events:read", "events:admin"]
_Integration = Annotated[str, typer.Argument(help="The name of the integration")]
_Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE…",
        exists=True,
        help="The desired state, in YAML or JSON: files, or directories of them, that are taken together",
    ),
]
_AcceptPlan = Annotated[str | None, typer.Option(metavar="DIGEST", help="Apply this plan although a guard stopped it")]
_Out = Annotated[
    Path | None, typer.Option(dir_okay=False, help="Write the result here, in Markdown for a pull request")
]
_DetailedExitcode = Annotated[
    bool, typer.Option("--detailed-exitcode", help="Exit with 2, and not 0, if there are changes")
]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"qontract {version('qontract')}")
        raise typer.Exit


@app.callback()
def _begin(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Say which version this is, and end"),
    ] = False,
) -> None:
    pass


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
        from qontract.entrypoints.dev.dev_command import run

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
    *,
    logs: Annotated[bool, typer.Option("--logs", help="Keep what the processes log, and say where it is")] = False,
) -> None:
    """Reconcile a desired state on this machine, against a sandbox, show each event, and end."""
    with _ended_by_signals():
        from qontract.entrypoints.dev.demo import run

        run(integration, desired, sandbox, keep_logs=logs)


def _state(option: str) -> tuple[str, Path]:
    """Return what `INTEGRATION=FILE` says."""
    integration, separator, file = option.partition("=")
    if not (separator and Path(file).is_file()):
        raise typer.BadParameter(f"{option}: no INTEGRATION=FILE, or no such file", param_hint="--sandbox")
    return integration, Path(file)


@app.command()
def reconcile(
    integration: _Integration,
    files: _Files,
    *,
    token: Annotated[str, typer.Option(envvar="QAPI_TOKEN", help="A bearer token; see `qontract token`")],
    apply: Annotated[bool, typer.Option("--apply", help="Apply the plan, if you say yes to it")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --apply: do not ask")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Print the job's URL, and end")] = False,
    reason: Annotated[str | None, typer.Option(help="Why: it is in the log and in every event")] = None,
    accept_plan: _AcceptPlan = None,
    out: _Out = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON")] = False,
    detailed_exitcode: _DetailedExitcode = False,
    api_url: Annotated[str, typer.Option(envvar="QAPI_API_URL")] = API_URL,
) -> None:
    """Bring an external system to the desired state that FILE describes; without --apply, only show the plan.

    Lists in several files follow each other; a workspace, organisation, … is in one of them only.

    Exits with 0 if all is well, with 1 if anything failed or was skipped, with 3 if a guard stopped the plan.
    """
    from qontract.entrypoints.cli.reconciling import ReconcileOptions, run

    command = ["qontract", "reconcile", integration, *map(str, files)]
    command += [] if api_url in {API_URL, os.environ.get("QAPI_API_URL")} else ["--api-url", api_url]
    command += ["--reason", reason] if reason else []
    asked = ReconcileOptions(
        integration,
        files,
        api_url,
        token,
        command,
        apply=apply,
        yes=yes,
        no_wait=no_wait,
        reason=reason,
        accept_plan=accept_plan,
        as_json=as_json,
        detailed_exitcode=detailed_exitcode,
        out=out,
    )
    raise typer.Exit(run(asked))


@app.command()
def token(
    subject: Annotated[str, typer.Option(help="Who the token is for: it is in every event")] = "cli",
    scope: Annotated[
        list[str],
        typer.Option(help="Once for each; of one integration: slack-usergroups:plan; of one workspace: …:apply:acme"),
    ] = _SCOPES[:1],
    expires: Annotated[int, typer.Option(min=1, help="Seconds that it is valid")] = 3600,
) -> None:
    """Print a bearer token, signed with QAPI_AUTH__SECRET; and on stderr its id, by which it can be revoked.

    Where QAPI_AUTH__JWKS names the keys of somebody else who issues tokens, get those from him; an API with
    QAPI_AUTH__ACCEPT_SECRET=false accepts no others.
    """
    from qontract.entrypoints.settings import load_settings
    from qontract.entrypoints.tokens import issue_token, wrong_with_subject

    if wrong := wrong_with_subject(subject):
        raise SystemExit(f"qontract: --subject {wrong}")
    _refuse_unknown(scope)
    auth = load_settings().auth
    if auth.secret is None:
        raise SystemExit("qontract: QAPI_AUTH__SECRET: not set; it is the key that the API has")
    if not auth.accept_secret:
        raise SystemExit("qontract: QAPI_AUTH__ACCEPT_SECRET: the API takes no such token; get one of who issues them")
    lifetime = timedelta(seconds=expires)
    if lifetime > timedelta(days=auth.max_days):
        raise SystemExit(f"qontract: --expires: the API takes no token for more than {auth.max_days} days")
    secret, token_id = auth.secret.get_secret_value(), str(uuid4())
    about = {"audience": auth.audience, "issuer": auth.issuer, "token_id": token_id}
    typer.echo(issue_token(secret, subject, scope, lifetime, **about))
    typer.echo(f"jti {token_id}", err=True)


def _refuse_unknown(scopes: Iterable[str]) -> None:
    """Raise SystemExit if there is no such scope for what is installed here."""
    from qontract.entrypoints import integrations, plugins

    names = plugins.installed_names(integrations.GROUP)
    ours = [f"{name}:{right}" for name in sorted(names) for right in ("plan", "apply")]
    known = [*_SCOPES, *ours]
    for scope in scopes:
        whole, _, inside = scope.rpartition(":")  # of one workspace or organisation, whose names are not known here
        if scope not in known and not (whole in ours and re.fullmatch(r"[!#-\[\]-~]+", inside)):
            near = get_close_matches(scope, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise SystemExit(f"qontract: --scope {scope}: no such scope; {hint}")


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM, SIGHUP and Ctrl-C end the body in good order, and what it cannot go on from with a line."""

    def end(*_: object) -> None:
        if signal.getsignal(signal.SIGHUP) is end:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a shell says it again, and that is not to disturb the end
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT):  # the second may be ignored, in a job of a shell
        signal.signal(number, end)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
        signal.signal(signal.SIGHUP, end)
    try:
        from qontract.entrypoints.plugins import error_text, missing_extra

        try:
            from qontract.entrypoints.dev.processes import StackError
            from qontract.entrypoints.sandboxes import SandboxError

            yield
        except ModuleNotFoundError as error:
            if missing_extra(error):
                raise SystemExit(f"qontract: {error_text(error)}") from None
            raise
        except (StackError, SandboxError) as error:
            raise SystemExit(f"qontract: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def main() -> None:
    """Run the command line."""
    app()
