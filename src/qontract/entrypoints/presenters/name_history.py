"""What became of a job, a subject or a person, as JSON and as lines for people."""

from collections.abc import Iterator
from typing import Any

from qontract.domain.name_history import JobExplanation, Mention, NameHistory
from qontract.entrypoints.presenters.explanations import code_of, exit_code, record, worst
from qontract.entrypoints.terminal_text import safe


def exit_code_of_history(history: NameHistory) -> int:
    """Return the exit code: what is worst of all that it has."""
    codes = {code_of(note.status) for note in history.jobs}
    return worst(codes | {exit_code(mention.explanation) for mention in history.events})


def record_of_history(history: NameHistory) -> dict[str, Any]:
    """Return all of it, for JSON."""
    return {
        "name": history.name,
        "jobs": [_job(note) for note in history.jobs],
        "events": [{"places": list(one.places)} | record(one.explanation) for one in history.events],
        "scanned": history.scanned,
        "more": history.more,
        "missing": list(history.missing),
    }


def lines_of_history(history: NameHistory) -> Iterator[str]:
    """Yield all of it, the newest first, in lines that a terminal only shows; of each event, what `why` is for it."""
    for note in history.jobs:
        view = note.view
        when = f"{view.submitted_at:%Y-%m-%d %H:%M:%S} UTC" if view.submitted_at else "-"
        why = f" ({view.reason})" if view.reason else ""
        yield safe(f"job {view.id}: {note.status}")
        yield safe(f"  {when}, {view.integration}, by {view.submitted_by or '-'}{why}")
        yield safe(f"  {note.reason}")
        if note.next:
            yield safe(f"  next: {note.next}")
    for mention in history.events:
        yield from _lines(mention)
    seen = f"the newest {history.scanned}" if history.more else f"all {history.scanned}"
    concern = "1 event concerns" if len(history.events) == 1 else f"{len(history.events)} events concern"
    yield safe(f"{concern} {history.name}; {seen} that are kept were looked at")
    yield from (safe(f"not read: {one}") for one in history.missing)


def _lines(mention: Mention) -> Iterator[str]:
    explanation = mention.explanation
    event = explanation.event
    if event is None:
        return
    place = f", in {', '.join(mention.places)}" if mention.places else ""
    yield safe(f"event {explanation.entry}: {event.type or '-'}")
    yield safe(f"  {event.kept:%Y-%m-%d %H:%M:%S} UTC, {event.subject or '-'}{place}, by {event.who or '-'}")
    for finding in explanation.findings:
        yield safe(f"  {finding.subscription}: {finding.verdict}")
    if exit_code(explanation):
        yield safe(f"  next: qontract why {explanation.entry}")


def _job(note: JobExplanation) -> dict[str, Any]:
    view = note.view
    return {
        "id": view.id,
        "status": view.status,
        "integration": view.integration,
        "submitted_at": view.submitted_at.isoformat() if view.submitted_at else None,
        "submitted_by": view.submitted_by,
        "asked_for": view.reason,
        "event_status": note.status.value,
        "reason": note.reason,
        "next": note.next,
    }
