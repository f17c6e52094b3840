"""Subscriptions: how far each is, and why; pause one, resume it, move its place, remove it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qontract.application.ports.subscriptions import SubscriptionsError, Target
from qontract.entrypoints.cli.terminal import confirmed, examples, no_answer_message
from qontract.entrypoints.points_in_time import point_in_time

if TYPE_CHECKING:
    from qontract.application.control.subscriptions import SubscriptionControl

app = typer.Typer(help=__doc__, no_args_is_help=True)

_NOT_WELL = 3
"""The exit code of `list --check` if a subscription is not running."""


def _target(text: str) -> Any:
    try:
        return text if text in {"start", "end"} else point_in_time(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}; or start, or end") from None


_Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the subscription")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what it means")]


@app.command("list", epilog=examples("qontract subscriptions list", "qontract subscriptions list --check --json"))
def list_(
    *,
    check: Annotated[bool, typer.Option("--check", help="Exit with 3 if one is not running")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON: a line for each")] = False,
) -> None:
    """List subscriptions: state, events not read yet, in flight, age of the oldest not acknowledged, dead letters."""
    from qontract.domain.subscriptions import State
    from qontract.entrypoints.presenters.subscriptions import listed, record
    from qontract.entrypoints.terminal_text import as_json as to_json
    from qontract.entrypoints.terminal_text import width

    with _control() as control:
        known = control.all()
    for line in (to_json(record(one)) for one in known) if as_json else listed(known, width()):
        typer.echo(line)
    if not known:
        typer.echo("no subscriptions", err=True)
    if check and any(one.state is not State.RUNNING for one in known):
        raise typer.Exit(_NOT_WELL)


@app.command(epilog=examples("qontract subscriptions show audit-log", "qontract subscriptions show crm --json"))
def show(name: _Name, *, as_json: _Json = False) -> None:
    """Show one subscription: its state and why, how far it is, its replicas, and what to do next."""
    from qontract.entrypoints.presenters.subscriptions import lines, record
    from qontract.entrypoints.terminal_text import as_json as to_json

    with _control() as control:
        known = control.get(name)
    typer.echo(to_json(record(known), indent=2) if as_json else "\n".join(lines(known)))


@app.command(epilog=examples("qontract subscriptions pause crm"))
def pause(name: _Name, *, as_json: _Json = False) -> None:
    """Let nobody read a subscription. Handlers at work finish; what waits stays, also over restarts, until `resume`.

    Its events are kept all the while, but only for so long as its replicas run.
    """
    from qontract.entrypoints.cli.operating_user import operating_user

    with _control(logs=True) as control:
        done = control.pause(name, by=operating_user())
        _say(control, name, as_json, "paused; handlers at work finish" if done else "it is paused already")


@app.command(epilog=examples("qontract subscriptions resume crm"))
def resume(name: _Name, *, as_json: _Json = False) -> None:
    """Let a subscription be read again, from where it was."""
    from qontract.entrypoints.cli.operating_user import operating_user

    with _control(logs=True) as control:
        done = control.resume(name, by=operating_user())
        _say(control, name, as_json, "resumed" if done else "it is not paused")


@app.command(
    epilog=examples(
        "qontract subscriptions seek crm --to 2h --dry-run",
        "qontract subscriptions seek crm --to 2026-01-31T09:30:00Z",
        "qontract subscriptions seek crm --to end --yes",
    )
)
def seek(
    name: _Name,
    *,
    to: Annotated[Any, typer.Option(parser=_target, metavar="TIME|start|end", help="Where it goes on; 2h: then on")],
    yes: _Yes = False,
    dry_run: _DryRun = False,
    as_json: _Json = False,
) -> None:
    """Move a subscription: it gets what was kept from there on, again or for the first time, and nothing before it.

    What was read and not acknowledged is forgotten, with its attempts. It has to be paused, or not be run.
    """
    from dataclasses import asdict

    from qontract.entrypoints.cli.operating_user import operating_user
    from qontract.entrypoints.terminal_text import as_json as to_json

    target: Target = to
    with _control(logs=True) as control:
        move = control.preview(name, target)
        more = " at least" if move.more else ""
        preview = f"events that come again: {move.again}{more}; events that are skipped: {move.skipped}{more}"
        refused = _refused(control.refusal_of_seek(name), dry_run=dry_run, quiet=as_json)
        if confirmed(preview, yes=yes, dry_run=dry_run, quiet=as_json):
            control.seek(name, target, by=operating_user())
        if as_json:
            typer.echo(to_json({"name": name, "moved": not dry_run} | asdict(move) | refused))
        elif not dry_run:
            typer.echo("moved")


@app.command(epilog=examples("qontract subscriptions remove crm --dry-run", "qontract subscriptions remove crm --yes"))
def remove(name: _Name, *, yes: _Yes = False, dry_run: _DryRun = False, as_json: _Json = False) -> None:
    """Remove a subscription that nobody runs: its place, and all that is known of it but its dead letters.

    Run again, it begins at the first event that is kept.
    """
    from qontract.entrypoints.cli.operating_user import operating_user
    from qontract.entrypoints.presenters.subscriptions import record
    from qontract.entrypoints.terminal_text import as_json as to_json

    with _control(logs=True) as control:
        known = control.get(name)
        view = known.view
        preview = (
            f"events that nobody will handle: {view.lag + view.pending}; dead letters that stay: {view.dead_letters}"
        )
        refused = _refused(control.refusal_of_removal(name), dry_run=dry_run, quiet=as_json)
        if confirmed(preview, yes=yes, dry_run=dry_run, quiet=as_json):
            control.remove(name, by=operating_user())
        if as_json:
            typer.echo(to_json({"name": name, "removed": not dry_run, "was": record(known)} | refused))
        elif not dry_run:
            typer.echo("removed")


def _refused(why: str, *, dry_run: bool, quiet: bool) -> dict[str, str]:
    """Refuse before anybody is asked; of a dry run, say that it would be so, and return what JSON says of it."""
    from qontract.application.ports.subscriptions import BusyError
    from qontract.entrypoints.terminal_text import safe

    if why and not dry_run:
        raise BusyError(why)
    if why and not quiet:
        typer.echo(f"it would be refused: {safe(why)}")
    return {"refused": why} if why else {}


def _say(control: "SubscriptionControl", name: str, as_json: bool, text: str) -> None:
    from qontract.entrypoints.presenters.subscriptions import record
    from qontract.entrypoints.terminal_text import as_json as to_json

    typer.echo(to_json(record(control.get(name)), indent=2) if as_json else text)


@contextmanager
def _control(*, logs: bool = False) -> "Iterator[SubscriptionControl]":
    """Give what controls the subscriptions; say in one line what goes wrong. `logs`: who does what is logged."""
    from qontract.application.control.subscriptions import UnknownSubscriptionError
    from qontract.application.ports.subscriptions import BusyError
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.logs import configure_logs
    from qontract.entrypoints.terminal_text import safe

    control = get_container().subscription_control()
    if logs:
        configure_logs("INFO")
    try:
        yield control
    except UnknownSubscriptionError as error:
        hint = "see `qontract subscriptions list`"
        raise SystemExit(f"qontract: {safe(error)}: no such subscription; {hint}") from None
    except BusyError as error:
        raise SystemExit(f"qontract: refused: {safe(error)}") from None
    except SubscriptionsError as error:
        raise no_answer_message(error) from None
