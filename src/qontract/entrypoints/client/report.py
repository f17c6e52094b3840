"""The result of a reconcile, for people at a terminal."""

import re
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from qontract.entrypoints.client.review import Change, one_line, review

_COLOURS = {"+": "green", "-": "red", "~": "yellow"}
_INDENT = 6
_NARROWEST = 10


def show(result: Mapping[str, Any], console: Console, *, apply: bool = False, accept: str = "") -> None:
    """Print the changes of each scope, what they take away marked, then a line that counts them, and the errors.

    `apply`: it was no dry run; `accept`: what a person types to have a plan applied that a guard stopped.
    """
    shown = review(result, apply=apply)
    for scope, changes in shown.scopes.items():
        if scope:
            indented(console, Text(scope, style="bold"), 0)
        for change in changes:
            _show(console, change, apply=apply)
    if shown.left_out:
        indented(console, Text(f"… {shown.left_out}"), 2)
    if shown.scopes or shown.left_out:
        console.print()
        indented(console, Text(f"{shown.summary}.", style="bold"), 0)
    else:
        console.print("Nothing to do: all is as desired." if result["status"] == "success" else "Nothing planned.")
    for error in shown.errors:
        indented(console, Text.assemble(("error: ", "red"), error), 0)
    if result["status"] == "blocked":
        console.print(Text("A guard stopped the plan: it may be a mistake. Its digest:", style="bold"))
        console.print(Text(f"  {one_line(result['plan_digest'])}"), soft_wrap=True)
        if accept:
            console.print("To have just this plan applied:")
            console.print(Text(f"  {accept}"), soft_wrap=True)


def _show(console: Console, change: Change, *, apply: bool) -> None:
    colour = _COLOURS[change.mark]
    done = ("", "") if not apply else ("  applied", "green") if change.applied else ("  not applied", "bold red")
    head = Text.assemble((change.mark, colour), " ", (change.subject, "bold"), "  ", change.action_type, done)
    indented(console, head, 2)
    summary = Text(change.summary)
    for name in change.removes:
        marked = re.compile(rf"(?<!\S)-{re.escape(name)}(?!\S)")
        if not summary.highlight_regex(marked, "bold red"):
            summary.append(f" -{name}", "bold red")
    indented(console, summary, _INDENT)


def indented(console: Console, text: Text, indent: int) -> None:
    """Print the text, with this indent on each of its lines; in a pipe it is one line, so that grep finds all of it."""
    if not console.is_terminal:
        console.print(Text.assemble(" " * indent, text), soft_wrap=True)
        return
    for line in text.wrap(console, max(_NARROWEST, console.width - indent), overflow="fold"):
        line.rstrip()
        console.print(Text.assemble(" " * indent, line), soft_wrap=True)
