"""The users of Redis: one for each process, which may do what that needs and nothing else."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import typer


class _Process(StrEnum):
    API = "api"
    WORKER = "worker"
    SUBSCRIBER = "subscriber"
    OPERATOR = "operator"


_LINES = (
    "Examples:",
    "qontract acl",
    "qontract acl worker --user jobs",
    'hash="$(printf %s "$PASSWORD" | sha256sum | cut -c1-64)"',
    'qontract acl api | sed "s/SHA256_OF_THE_PASSWORD/$hash/" | redis-cli',
)
EXAMPLES = "\n\n".join(_LINES)


def print_rules(
    process: Annotated[
        _Process | None, typer.Argument(help="Whose; operator: of the commands that ask Redis. Otherwise all four")
    ] = None,
    *,
    user: Annotated[str | None, typer.Option(help="The name of the user; otherwise qontract-PROCESS")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON: a line for each")] = False,
) -> None:
    """Print the command for Redis that makes the user of a process, with the least rights that it needs.

    It is for Redis 7.0 or later, or Valkey, and has the names of QAPI_EVENTS__….

    The server refuses the placeholder of the password: put its SHA-256 there.
    """
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.terminal_text import as_json as to_json
    from qontract.entrypoints.terminal_text import safe

    if user and process is None:
        raise typer.BadParameter("name the process whose user it is", param_hint="--user")
    rule = get_container().acl()
    processes = [process] if process else [*_Process]
    names = {one: user or f"qontract-{one}" for one in processes}
    try:
        rules = {one: safe(rule(one, name)) for one, name in names.items()}
    except ValueError as error:
        raise SystemExit(f"qontract: {safe(error)}") from None
    if as_json:
        typer.echo("\n".join(to_json({"process": one, "user": names[one], "rule": rules[one]}) for one in processes))
    else:
        typer.echo("\n".join([*rules.values()] if process else _with_headings(rules, names)))


def _with_headings(rules: Mapping[_Process, str], names: Mapping[_Process, str]) -> list[str]:
    """Return the rules, each below a line that says whose it is."""
    blocks = (["", f"# {one}: the user {names[one]}", text] for one, text in rules.items())
    return [line for block in blocks for line in block][1:]
