"""Dead letters: the events that a subscription gave up; look at them, by their causes too, redrive and discard them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from qontract.application.ports.dead_letters import DeadLetters, DeadLettersError
from qontract.domain.dead_letters import DeadLetter
from qontract.entrypoints.cli.terminal import confirmed, examples, no_answer_message
from qontract.entrypoints.terminal_text import safe

if TYPE_CHECKING:
    from qontract.application.control.dead_letter_changes import LetterChanges

app = typer.Typer(help=__doc__, no_args_is_help=True)

_MAX_ERROR_LENGTH = 200


def _rate(text: str) -> Any:
    number, _, unit = text.partition("/")
    try:
        rate = float(number) / {"": 1, "s": 1, "m": 60}[unit]
    except (ValueError, KeyError):
        rate = 0
    if not 0 < rate < float("inf"):
        raise typer.BadParameter("no rate: write 10/s, or 30/m")
    return rate


def _group(text: str | None) -> str | None:
    if text is not None and (not text or text.startswith("-")):
        raise typer.BadParameter("no group: give an id that `qontract dead-letters groups` shows")
    return text


_Subscription = Annotated[str | None, typer.Option(help="Only those of this subscription")]
_Type = Annotated[str | None, typer.Option("--type", metavar="PATTERN", help="Only this type; * stands for any text")]
_Subject = Annotated[str | None, typer.Option(help="Only those about this subject")]
_OlderThan = Annotated[float | None, typer.Option(metavar="SECONDS", help="Only those dead for at least so long")]
_Group = Annotated[
    str | None, typer.Option(callback=_group, metavar="GROUP", help="Only those of this cause; see `groups`")
]
_Id = Annotated[str | None, typer.Argument(metavar="ID")]
_Every = Annotated[bool, typer.Option("--all", help="Every letter")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show which")]


class _Filters(NamedTuple):
    subscription: str | None
    event_type: str | None
    subject: str | None
    older_than: float | None
    group: str | None = None


@app.command(
    "list",
    epilog=examples("qontract dead-letters list --subscription crm", "qontract dead-letters list --group 5ec8c97c2d"),
)
def list_(
    *,
    subscription: _Subscription = None,
    event_type: _Type = None,
    subject: _Subject = None,
    older_than: _OlderThan = None,
    group: _Group = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each, with the event")] = False,
) -> None:
    """List dead letters, oldest first: id, time, subscription, type, subject, number of attempts, last error.

    One that cannot be read is `unreadable`, with the reason in place of an error.
    """
    from qontract.application.control.dead_letters import find
    from qontract.entrypoints.presenters.dead_letters import line, record
    from qontract.entrypoints.terminal_text import as_json as to_json
    from qontract.entrypoints.terminal_text import folded, width

    filters = _Filters(subscription, event_type, subject, older_than, group)
    letter = None
    with _opened() as dead_letters:
        for letter in find(dead_letters, *filters):
            for part in [to_json(record(letter, event=True))] if as_json else folded(line(letter), width()):
                typer.echo(part)
    if letter is None:
        typer.echo("no dead letters match" if any(one is not None for one in filters) else "no dead letters", err=True)


@app.command(epilog=examples("qontract dead-letters groups", "qontract dead-letters groups --subscription crm --json"))
def groups(
    *,
    subscription: _Subscription = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON: a line for each")] = False,
) -> None:
    """List dead letters by cause, the largest group first: type of the error and where it was raised, not its text.

    Each group has its id, how many letters, when the first and the last of them died, and an example.
    """
    from qontract.application.control.dead_letters import find
    from qontract.domain.dead_letters import groups_of
    from qontract.entrypoints.presenters.dead_letters import group_lines, group_record
    from qontract.entrypoints.terminal_text import as_json as to_json
    from qontract.entrypoints.terminal_text import width

    with _opened() as dead_letters:
        found = groups_of(find(dead_letters, subscription))
    for line in map(to_json, map(group_record, found)) if as_json else group_lines(found, width()):
        typer.echo(line)
    if not found:
        typer.echo("no dead letters", err=True)
    elif not as_json:
        typer.echo("next: fix a cause; then qontract dead-letters redrive --group GROUP", err=True)


@app.command(epilog=examples("qontract dead-letters show 1769851802000-0"))
def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False,
) -> None:
    """Show a dead letter: its cause, every attempt, what to do next, and in the last line the event as it came."""
    from qontract.entrypoints.presenters.dead_letters import lines, record
    from qontract.entrypoints.terminal_text import as_json as to_json

    with _opened() as dead_letters:
        letter = _get(dead_letters, letter_id)
    typer.echo(to_json(record(letter, event=True), indent=2) if as_json else "\n".join(lines(letter)))


@app.command(
    epilog=examples(
        "qontract dead-letters redrive 1769851802000-0",
        "qontract dead-letters redrive --type '*.update_users' --dry-run",
        "qontract dead-letters redrive --group 5ec8c97c2d --rate 10/s",
    )
)
def redrive(
    letter_id: _Id = None,
    *,
    every: _Every = False,
    subscription: _Subscription = None,
    event_type: _Type = None,
    subject: _Subject = None,
    older_than: _OlderThan = None,
    group: Annotated[
        str | None, typer.Option(callback=_group, metavar="GROUP", help="Those of this cause, until it comes back")
    ] = None,
    rate: Annotated[
        Any, typer.Option(parser=_rate, metavar="N/s", help="Of a group: how many in a second, or a minute (N/m)")
    ] = "10/s",
    yes: _Yes = False,
    as_json: Annotated[bool, typer.Option("--json", help="Of a group: print how it ended as JSON")] = False,
    dry_run: _DryRun = False,
) -> None:
    """Return events to the subscription that gave them up, and to no other. An event says who did it.

    It asks first, but for one letter by its id.

    A group is redriven in batches that grow, and it stops with the exit code 4 when its cause comes back. Killed in the
    middle, give the same command again: it goes on.
    """
    from qontract.entrypoints.cli.group_redriving import redrive_group

    filters = _Filters(subscription, event_type, subject, older_than)
    if group is None:
        _change("redriven", letter_id, filters, every=every, yes=yes or letter_id is not None, dry_run=dry_run)
    else:
        _check_one_way(letter_id, filters, every, group is not None)
        with _opened():
            redrive_group(group, rate, yes=yes, dry_run=dry_run, as_json=as_json)


@app.command(
    epilog=examples(
        "qontract dead-letters discard --group 5ec8c97c2d --dry-run",
        "qontract dead-letters discard 1769851802000-0 --yes",
    )
)
def discard(
    letter_id: _Id = None,
    *,
    every: _Every = False,
    subscription: _Subscription = None,
    event_type: _Type = None,
    subject: _Subject = None,
    older_than: _OlderThan = None,
    group: _Group = None,
    yes: _Yes = False,
    dry_run: _DryRun = False,
) -> None:
    """Remove dead letters for good; it asks first. An event says who did it."""
    filters = _Filters(subscription, event_type, subject, older_than, group)
    _change("discarded", letter_id, filters, every=every, yes=yes, dry_run=dry_run)


def _change(done: str, letter_id: str | None, filters: _Filters, *, every: bool, yes: bool, dry_run: bool) -> None:
    """Make this change to a letter, to those that match, or to all, and show each; ask first, unless `yes`."""
    from qontract.application.control.dead_letters import find
    from qontract.domain.health_findings import count_of
    from qontract.entrypoints.container import get_container

    _check_one_way(letter_id, filters, every)
    with _opened() as dead_letters:
        one = None if letter_id is None else _get(dead_letters, letter_id)
        newest = dead_letters.newest()  # what dies while somebody thinks is not among them

        def chosen() -> Iterable[DeadLetter]:
            return find(dead_letters, *filters, until=newest) if one is None else [one]

        if not (yes or dry_run) and (count := sum(1 for _ in chosen())):
            more = ", for good" if done == "discarded" else ""
            confirmed(f"{count_of(count, 'dead letter')} would be {done}{more}", yes=yes, dry_run=dry_run, quiet=True)
        letters = chosen()
        if dry_run:
            changed, kept = _each(done, letters, lambda _: True)
            typer.echo(f"{changed} would be {done}", err=True)
        else:
            changes = _changes(dead_letters, get_container().event_manager())
            changed, kept = _each(done, letters, changes.redrive if done == "redriven" else changes.discard, changes)
    if kept:
        raise typer.Exit(1)


def _each(
    done: str, letters: Iterable[DeadLetter], change: Callable[[str], bool], changes: "LetterChanges | None" = None
) -> tuple[int, int]:
    """Change and show each letter; say which cannot be. Return how many were changed, and how many could not be."""
    from qontract.entrypoints.presenters.dead_letters import line

    count, kept = 0, 0
    try:
        for letter in letters:
            try:
                if done == "redriven":
                    _check_readable(letter)
                if change(letter.id):
                    count += 1
                    typer.echo(line(letter))
            except DeadLettersError as error:
                if not error.of_letter:
                    raise
                kept += 1
                typer.echo(f"qontract: {letter.id}: not {done}: {safe(error)[:_MAX_ERROR_LENGTH]}", err=True)
    finally:
        if changes:
            typer.echo(f"{count} {done}", err=True)
            if count:
                changes.publish()
    return count, kept


def _changes(dead_letters: DeadLetters, events: Any) -> "LetterChanges":
    from qontract.application.control.dead_letter_changes import LetterChanges
    from qontract.entrypoints.cli.operating_user import operating_user
    from qontract.entrypoints.logs import configure_logs

    configure_logs("WARNING")
    return LetterChanges(dead_letters, events, by=operating_user())


def _check_one_way(letter_id: str | None, filters: _Filters, every: bool, grouped: bool = False) -> None:
    ways = [letter_id is not None, any(value is not None for value in filters), every, grouped]
    if ways.count(True) != 1:
        typer.echo("qontract: give one of these: an id, filters, or --all", err=True)
        raise typer.Exit(2)


@contextmanager
def _opened() -> Iterator[DeadLetters]:
    from qontract.entrypoints.container import get_container

    try:
        yield get_container().dead_letters()
    except DeadLettersError as error:
        if not error.of_letter:
            raise no_answer_message(error) from None
        raise SystemExit(f"qontract: {safe(error)}") from None


def _get(dead_letters: DeadLetters, letter_id: str) -> DeadLetter:
    letter = dead_letters.get(letter_id)
    if letter is None:
        raise SystemExit(f"qontract: {safe(letter_id)}: no such dead letter; see `qontract dead-letters list`")
    return letter


def _check_readable(letter: DeadLetter) -> None:
    if letter.unreadable:
        raise DeadLettersError(f"it cannot be read: {letter.unreadable}", of_letter=True)
