"""The result of a reconcile, for people."""

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def show(result: Mapping[str, Any], console: Console, *, accept: str = "") -> None:
    """Print the actions, whether each was applied, and the errors; of a blocked plan, its digest too.

    `accept`: what a person types to have that plan applied.
    """
    if result["actions"]:
        console.print(_table(result))
    else:
        console.print("Nothing to do: all is as desired." if result["status"] == "success" else "Nothing planned.")
    for error in result["errors"]:
        console.print(Text.assemble(("error: ", "red"), _line(error)))
    if result["status"] == "blocked":
        console.print(Text("A guard stopped the plan: it may be a mistake. Its digest:", style="bold"))
        console.print(Text(f"  {result['plan_digest']}"), soft_wrap=True)
        if accept:
            console.print("To have just this plan applied:")
            console.print(Text(f"  {accept}"), soft_wrap=True)


def _table(result: Mapping[str, Any]) -> Table:
    applied = {_key(action) for action in result["applied_actions"]}
    table = Table("action", "subject", "what changes", "applied", box=None, header_style="bold")
    for column in table.columns:
        column.overflow = "fold"
    table.columns[-1].no_wrap = True
    for action in result["actions"]:
        cells = (Text(_line(action.get(name, ""))) for name in ("action_type", "subject", "summary"))
        table.add_row(*cells, "yes" if _key(action) in applied else "no")
    return table


def _key(action: Mapping[str, Any]) -> str:
    return json.dumps(action, sort_keys=True)


def _line(text: object) -> str:
    """Return the text as one line that does nothing to a terminal."""
    return "".join(character if character.isprintable() else " " for character in str(text))
