"""Asking whether to do what cannot be undone."""

import sys

import typer


def is_certain(preview: str, *, yes: bool, dry_run: bool, quiet: bool) -> bool:
    """Say what a change means, and ask whether to make it; with `quiet`, say nothing where nobody is asked."""
    if not quiet or not (yes or dry_run):
        typer.echo(preview, err=quiet)
    if yes or dry_run:
        return not dry_run
    if not sys.stdin.isatty():
        typer.echo("qontract: nobody is there to ask; give --yes, or --dry-run", err=True)
        raise typer.Exit(2)
    typer.confirm("Do it?", abort=True, err=True)
    return True
