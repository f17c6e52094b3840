"""The result of a reconcile, ordered for somebody who reviews it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qontract.application.job_record import key_of


@dataclass(frozen=True)
class Change:
    """An action: `mark` is + for what makes its subject, - for what takes something away, and ~ for any other."""

    mark: str
    subject: str
    action_type: str
    summary: str
    removes: Sequence[str]
    applied: bool


@dataclass(frozen=True)
class Review:
    """The changes by scope: what stands before the first slash of their subject. `summary` counts them.

    `left_out` says how many actions the API did not list, if it did not list all.
    """

    scopes: Mapping[str, Sequence[Change]]
    left_out: str
    summary: str
    errors: Sequence[str]


def review(result: Mapping[str, Any], *, apply: bool) -> Review:
    """Return the result in order. `apply`: it was no dry run, and the summary counts what was applied."""
    applied = {key_of(action) for action in result["applied_actions"]}
    scopes: dict[str, list[Change]] = {}
    for action in result["actions"]:
        scope, slash, subject = one_line(action.get("subject", "")).partition("/")
        change = _change(action, subject if slash else scope, applied=key_of(action) in applied)
        scopes.setdefault(scope if slash else "", []).append(change)
    left_out = _left_out(result, apply=apply)
    summary = ", ".join(filter(None, (_summary(scopes, apply=apply), left_out)))
    errors = [one_line(error) for error in result["errors"]]
    if more := result.get("errors_left_out", 0):
        errors.append(f"and {more} more errors, not listed")
    return Review(scopes, left_out, summary, errors)


def planned(result: Mapping[str, Any]) -> int:
    """Return how many actions were planned, listed or not."""
    return len(result["actions"]) + int(result.get("actions_left_out", 0))


def _left_out(result: Mapping[str, Any], *, apply: bool) -> str:
    more, applied = result.get("actions_left_out", 0), result.get("applied_actions_left_out", 0)
    return f"and {more} more actions, not listed{f', {applied} of them applied' if apply else ''}" if more else ""


def one_line(text: object) -> str:
    """Return the text as one line that does nothing to a terminal."""
    return "".join(character if character.isprintable() else " " for character in str(text))


def _change(action: Mapping[str, Any], subject: str, *, applied: bool) -> Change:
    removes = [one_line(name) for name in action.get("removes", ())]
    kind = one_line(action.get("action_type", ""))
    mark = "+" if action.get("creates") else "-" if removes or _deletes(kind) else "~"
    return Change(mark, subject, kind, one_line(action.get("summary", "")), removes, applied)


def _deletes(action_type: str) -> bool:
    """Say whether the action ends its subject, which the name of its type begins with."""
    return action_type.partition("_")[0] == "delete"


def _summary(scopes: Mapping[str, Sequence[Change]], *, apply: bool) -> str:
    changes = [(scope, change) for scope in scopes for change in scopes[scope] if change.applied or not apply]
    kinds = [
        "create" if change.mark == "+" else "delete" if _deletes(change.action_type) else "change"
        for _, change in changes
    ]
    people = len({(scope, name) for scope, change in changes for name in change.removes})
    counts = [(kinds.count(kind), f"{kind}d" if apply else f"to {kind}") for kind in ("create", "change", "delete")]
    parts = [f"{count} {what}" for count, what in counts if count]
    if people:
        parts.append(f"{people} {'person' if people == 1 else 'people'} removed")
    if apply and (left := sum(map(len, scopes.values())) - len(changes)):
        parts.append(f"{left} not applied")
    return ", ".join(parts)
