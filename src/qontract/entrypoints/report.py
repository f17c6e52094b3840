"""The result of a reconcile, for people."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def show(result: dict[str, Any], console: Console) -> None:
    """Print the actions, whether each was applied, and the errors."""
    applied = [
        (action["workspace"], action["usergroup"], action["action_type"]) for action in result["applied_actions"]
    ]
    table = Table(box=None, header_style="bold")
    for title, no_wrap in (("action", True), ("usergroup", True), ("what changes", False), ("applied", True)):
        table.add_column(title, no_wrap=no_wrap, overflow="fold")
    for action in result["actions"]:
        done = (action["workspace"], action["usergroup"], action["action_type"]) in applied
        where = f"{action['workspace']}/{action['usergroup']}"
        table.add_row(action["action_type"], escape(where), escape(_changes(action)), "yes" if done else "no")
    if result["actions"]:
        console.print(table)
    else:
        console.print("Nothing to do: Slack is as desired." if result["status"] == "success" else "Nothing planned.")
    for error in result["errors"]:
        console.print(f"[red]error:[/] {escape(error)}")


def _changes(action: dict[str, Any]) -> str:
    match action["action_type"]:
        case "create":
            return f"{len(action['users'])} users, {len(action['channels'])} channels"
        case "update_users":
            added = [f"+{name}" for name in action["users_to_add"]]
            return " ".join(added + [f"-{name}" for name in action["users_to_remove"]])
        case _:
            return f"“{action.get('description', '')}”, {' '.join('#' + name for name in action.get('channels', ()))}"
