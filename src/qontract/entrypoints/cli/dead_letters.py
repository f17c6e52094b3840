"""Dead letters: the events that a subscription gave up."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

import typer

from qontract.application.ports.dead_letters import DeadLetters, DeadLettersError
from qontract.domain.dead_letters import DeadLetter

app = typer.Typer(help=__doc__, no_args_is_help=True)

_WIDTH = 200
"""Characters of one part of a line; `show` and --json have all."""

_Subscription = Annotated[str | None, typer.Option(help="Only those of this subscription")]
_Type = Annotated[str | None, typer.Option("--type", metavar="PATTERN", help="Only this type; * stands for any text")]
_Subject = Annotated[str | None, typer.Option(help="Only those about this subject")]
_OlderThan = Annotated[float | None, typer.Option(metavar="SECONDS", help="Only those dead for at least so long")]


@app.command("list")
def list_(
    subscription: _Subscription = None,
    event_type: _Type = None,
    subject: _Subject = None,
    older_than: _OlderThan = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each, with the event")] = False,
) -> None:
    """List dead letters, oldest first: id, time, subscription, type, subject, number of attempts, last error.

    One that cannot be read is `unreadable`, with the reason in place of an error.
    """
    from qontract.application.dead_letters import find

    filters = subscription, event_type, subject, older_than
    with _opened() as dead_letters:
        for letter in find(dead_letters, *filters):
            typer.echo(_json(letter, event=_event(letter)) if as_json else _line(letter))


@app.command()
def show(letter_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Show a dead letter, every attempt, and in the last line the event as it came."""
    with _opened() as dead_letters:
        letter = _get(dead_letters, letter_id)
    typer.echo(_json(letter, indent=2))
    typer.echo(_safe(_event(letter)))


def _changing(change: Literal["redrive", "discard"], done: str, description: str) -> None:
    """Add the command that makes this change to a letter, to those that match, or to all."""

    @app.command(change, help=description)
    def command(  # noqa: PLR0917 - typer calls it with keywords
        letter_id: Annotated[str | None, typer.Argument(metavar="ID")] = None,
        every: Annotated[bool, typer.Option("--all", help="Every letter")] = False,
        subscription: _Subscription = None,
        event_type: _Type = None,
        subject: _Subject = None,
        older_than: _OlderThan = None,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which")] = False,
    ) -> None:
        from qontract.application.dead_letters import apply, find

        filters = subscription, event_type, subject, older_than
        if [letter_id is not None, any(value is not None for value in filters), every].count(True) != 1:
            typer.echo("qontract: give one of these: an id, filters, or --all", err=True)
            raise typer.Exit(2)
        with _opened() as dead_letters:
            letters = find(dead_letters, *filters) if letter_id is None else [_get(dead_letters, letter_id)]
            count, kept = 0, 0
            try:
                for letter in letters:
                    try:
                        if change == "redrive":
                            _check_readable(letter)
                        for changed in apply(getattr(dead_letters, change), [letter], dry_run=dry_run):
                            typer.echo(_line(changed))
                            count += 1
                    except DeadLettersError as error:
                        if not error.of_letter:
                            raise
                        kept += 1
                        typer.echo(f"qontract: {letter.id}: not {done}: {_safe(str(error))[:_WIDTH]}", err=True)
            finally:
                typer.echo(f"{count} would be {done}" if dry_run else f"{count} {done}", err=True)
        if kept:
            raise typer.Exit(1)


_changing("redrive", "redriven", "Give events back to the subscription that gave them up, and to no other.")
_changing("discard", "discarded", "Remove dead letters for good.")


@contextmanager
def _opened() -> Iterator[DeadLetters]:
    from qontract.entrypoints.container import get_container

    try:
        yield get_container().dead_letters()
    except DeadLettersError as error:
        raise SystemExit(f"qontract: QAPI_CACHE_BROKER_URL: {_safe(str(error))}") from None


def _get(dead_letters: DeadLetters, letter_id: str) -> DeadLetter:
    letter = dead_letters.get(letter_id)
    if letter is None:
        raise SystemExit(f"qontract: {_safe(letter_id)}: no such dead letter; see `qontract dead-letters list`")
    return letter


def _check_readable(letter: DeadLetter) -> None:
    if letter.unreadable:
        raise DeadLettersError(f"it cannot be read: {letter.unreadable}", of_letter=True)


def _line(letter: DeadLetter) -> str:
    time, error = (letter.failures[-1].time.isoformat(), letter.failures[-1].error) if letter.failures else ("", "")
    error = f"unreadable: {letter.unreadable}" if letter.unreadable else error
    parts = letter.id, time, letter.subscription, letter.type, letter.subject, str(len(letter.failures)), error
    return "  ".join(_safe(part or "-")[:_WIDTH] for part in parts)


def _json(letter: DeadLetter, indent: int | None = None, **more: str) -> str:
    names = "id", "subscription", "entry", "type", "subject", "event_id"
    failures = [{"time": failure.time.isoformat(), "error": failure.error} for failure in letter.failures]
    record = {name: getattr(letter, name) for name in names} | {"failures": failures} | more
    record |= {"unreadable": letter.unreadable} if letter.unreadable else {}
    return "\n".join(map(_safe, json.dumps(record, indent=indent, ensure_ascii=False).split("\n")))


def _event(letter: DeadLetter) -> str:
    return letter.data.decode(errors="backslashreplace")


def _safe(text: str) -> str:
    """Return text that a terminal only shows: what is not printable is escaped, as in JSON."""
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
