"""The result of a reconcile as Markdown, for a pull request.

Names stand in fenced blocks only: nothing in them is Markdown, HTML, a link or a mention.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from qontract.entrypoints.client.review import Change, Review, one_line, review

_MAX_PAGE_LENGTH = 50_000
"""Characters of the changes, and of the errors a fifth of it: a comment on GitHub has at most 65,536."""
_MAX_LINE_LENGTH = 1000
_MAX_SUMMARY_LENGTH = _MAX_LINE_LENGTH - 6
_MAX_REMOVED = 50
"""So many names are on the lines of one change; the next line says how many more there are."""
_MARKS = {"+": "+", "-": "-", "~": "!"}
"""What a `diff` shows in green, red and orange."""


def markdown(integration: str, result: Mapping[str, Any], *, apply: bool) -> str:
    """Return the page. `apply`: it was no dry run."""
    shown = review(result, apply=apply)
    name = "".join(character for character in integration if character.isalnum() or character in "-_.")
    parts = [f"### qontract: `{name}`", _headline(result, shown, apply=apply)]
    if shown.scopes:
        groups = [line for scope, changes in shown.scopes.items() for line in _scope(scope, changes, apply=apply)]
        parts.append(_fenced("diff", groups, _MAX_PAGE_LENGTH))
    if shown.left_out:
        parts.append(f"… {shown.left_out}.")
    if shown.errors:
        parts += ["**Errors**", _fenced("text", shown.errors, _MAX_PAGE_LENGTH // 5)]
    if result["status"] == "blocked":
        parts += [
            "**A guard stopped this plan**: it may be a mistake. To have just this plan applied, add to the command:",
            _fenced("text", [f"--apply --accept-plan {one_line(result['plan_digest'])}"], _MAX_LINE_LENGTH),
        ]
    return "\n\n".join(parts) + "\n"


def _headline(result: Mapping[str, Any], shown: Review, *, apply: bool) -> str:
    if shown.scopes or shown.left_out:
        return f"**{'Applied' if apply else 'Plan'}:** {shown.summary or 'nothing'}."
    return "Nothing to do: all is as desired." if result["status"] == "success" else "Nothing planned."


def _scope(scope: str, changes: Iterable[Change], *, apply: bool) -> Iterator[str]:
    if scope:
        yield f"@@ {scope} @@"
    for change in changes:
        mark = _MARKS[change.mark]
        done = "" if change.applied or not apply else " (not applied)"
        yield f"{mark} {change.subject}: {change.action_type}{done}"
        yield f"{mark}     {change.summary}"
        shown = change.summary if len(change.summary) <= _MAX_SUMMARY_LENGTH else ""  # a longer one is cut
        unseen = [name for name in change.removes if f" -{name} " not in f" {shown} "]
        for name in unseen[:_MAX_REMOVED]:
            yield f"-     removed: {name}"
        if (more := len(unseen) - _MAX_REMOVED) > 0:
            yield f"-     removed: {more} more"


def _fenced(language: str, lines: Iterable[str], most: int) -> str:
    """Return the lines, as many as are in so many characters, in a block that none of them ends."""
    kept: list[str] = []
    left_out = 0
    for line in lines:
        cut = line if len(line) <= _MAX_LINE_LENGTH else f"{line[:_MAX_LINE_LENGTH]}…"
        most -= len(cut) + 1
        if most < 0:
            left_out += 1
        else:
            kept.append(cut)
    if left_out:
        kept.append(f"… and {left_out} more lines")
    longest = max((len(run) for line in kept for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}{language}", *kept, fence])
