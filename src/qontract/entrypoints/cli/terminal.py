"""How commands speak at the terminal: examples in their help, questions before a change, and a missing answer."""

import sys

import typer

API_URL = "http://localhost:8080"
"""Where the API is, unless somebody says otherwise."""


def examples(*lines: str) -> str:
    """Return the end of a command's help."""
    return "\n\n".join(["Examples:", *lines])


NO_ANSWER = 5
"""The exit code of a command that could not look."""


def no_answer_message(error: Exception, *, setting: str = "") -> SystemExit:
    """Say in one line that Redis does not answer, and return what ends the command.

    `setting` says where that Redis is; if it is empty, it is the Redis of the events.
    """
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.terminal_text import safe

    typer.echo(f"qontract: {setting or get_container().settings().events_url_name}: {safe(error)}", err=True)
    return SystemExit(NO_ANSWER)


def confirmed(preview: str, *, yes: bool, dry_run: bool | None = None, quiet: bool) -> bool:
    """Say what a change means, and ask whether to make it; with `quiet`, say nothing where nobody is asked.

    `dry_run`: it is only to be said; None: the command cannot do that.
    """
    if not quiet or not (yes or dry_run):
        typer.echo(preview, err=quiet)
    if yes or dry_run:
        return not dry_run
    if not sys.stdin.isatty():
        typer.echo(
            f"qontract: nobody is there to ask; give --yes{'' if dry_run is None else ', or --dry-run'}", err=True
        )
        raise typer.Exit(2)
    typer.confirm("Do it?", abort=True, err=True)
    return True
