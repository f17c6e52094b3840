"""Dead letters and their groups, as JSON and as lines for people."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from qontract.application.control.group_redrive import RedriveProgress
from qontract.domain.dead_letters import DeadLetter, LetterGroup
from qontract.entrypoints.terminal_text import cut, safe

_WIDTH = 200
"""Characters of one part of a line; `show` and JSON have all."""
_INDENT = " " * 12


def record(letter: DeadLetter, *, event: bool = False) -> dict[str, Any]:
    """Return what JSON says of a letter; with the bytes of its `event`, as text."""
    names = "id", "subscription", "entry", "type", "subject", "event_id"
    failures = [{"time": failure.time.isoformat(), "error": failure.error} for failure in letter.failures]
    found = {name: getattr(letter, name) for name in names} | {"failures": failures}
    found |= {"cause": str(letter.cause), "group": letter.group, "redriven": None}
    if letter.redriven:
        found["redriven"] = {"time": letter.redriven.time.isoformat(), "by": letter.redriven.by}
    found |= {"unreadable": letter.unreadable} if letter.unreadable else {}
    return found | ({"event": event_text(letter)} if event else {})


def event_text(letter: DeadLetter) -> str:
    """Return the event as it came, as far as it is text."""
    return letter.data.decode(errors="backslashreplace")


def line(letter: DeadLetter) -> str:
    """Return a letter as a line: id, time, subscription, type, subject, number of attempts, last error."""
    time, error = (letter.failures[-1].time.isoformat(), letter.failures[-1].error) if letter.failures else ("", "")
    error = f"unreadable: {letter.unreadable}" if letter.unreadable else error
    parts = letter.id, time, letter.subscription, letter.type, letter.subject, str(len(letter.failures)), error
    return "  ".join(safe(part or "-")[:_WIDTH] for part in parts)


def lines(letter: DeadLetter) -> Iterator[str]:
    """Yield all that is known of a letter, in lines that a terminal only shows: in the last, the event as it came."""
    about = {
        "subscription": letter.subscription,
        "event": letter.event_id,
        "type": letter.type,
        "subject": letter.subject,
        "entry": letter.entry,
        "cause": letter.cause,
        "group": letter.group,
    }
    yield safe(letter.id)
    for name, value in about.items():
        yield f"  {name:13} {safe(value or '-')}"
    if letter.unreadable:
        yield f"  {'unreadable':13} {safe(letter.unreadable)}"
    if again := letter.redriven:
        yield f"  {'redriven':13} {_moment(again.time)} by {safe(again.by or 'somebody')}, and died again"
    yield f"  {'attempts':13} {len(letter.failures)}"
    for failure in letter.failures:
        yield f"    {_moment(failure.time)}  {safe(failure.error)}"
    redrive = "" if letter.unreadable else f"qontract dead-letters redrive {letter.id}, or "
    yield f"  {'next':13} {redrive}qontract dead-letters discard {letter.id}"
    yield safe(event_text(letter))


def group_record(group: LetterGroup) -> dict[str, Any]:
    """Return what JSON says of a group."""
    about = asdict(group)
    times = {name: about[name] and about[name].isoformat() for name in ("first", "last")}
    return about | times | {"cause": str(group.cause), "kind": group.cause.kind, "where": group.cause.where}


def group_lines(groups: Iterable[LetterGroup], columns: int | None) -> Iterator[str]:
    """Yield three lines for each group: what it is, its cause, and an example."""
    known = list(groups)
    widest = max([len("SUBSCRIPTION"), *(len(group.subscription) for group in known)])
    yield f"{'GROUP':10}  {'COUNT':>7}  {'FIRST':14}  {'LAST':14}  SUBSCRIPTION"
    for group in known:
        times = (f"{time:%m-%d %H:%M:%S}" if time else "-" for time in (group.first, group.last))
        parts = [group.id, f"{group.count:>7}", *(f"{time:14}" for time in times)]
        yield _fitting(f"{'  '.join(parts)}  {safe(group.subscription or '-'):{widest}}".rstrip(), columns)
        yield _fitting(f"{_INDENT}{safe(group.cause)}", columns)
        yield _fitting(f"{_INDENT}{safe(group.example)}: {safe(group.error)[:_WIDTH]}", columns)


def progress_record(progress: RedriveProgress) -> dict[str, Any]:
    """Return what JSON says of how far a redriving is."""
    return asdict(progress) | {"error": progress.error or None}


def progress_line(progress: RedriveProgress, count: int) -> str:
    """Return how far a redriving of so many letters is, in one line."""
    parts = [f"redriven {progress.redriven} of {count}", f"{progress.waiting} not acknowledged"]
    parts += [f"{progress.otherwise} fail for another cause"] if progress.otherwise else []
    parts += [f"{progress.came_back} came back"] if progress.came_back else []
    return ", ".join(parts)


def _fitting(text: str, columns: int | None) -> str:
    return text if columns is None else cut(text, columns).rstrip()


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"
