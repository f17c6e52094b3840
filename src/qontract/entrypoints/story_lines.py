"""What became of a job, a subject or a person, as JSON and as lines for people."""

from collections.abc import Iterator
from typing import Any

from qontract.domain.stories import JobNote, Mention, Story
from qontract.entrypoints.passports import code_of, exit_code, record, worst
from qontract.entrypoints.shown import safe


def exit_code_of_story(story: Story) -> int:
    """Return the exit code: what is worst of all that is told."""
    codes = {code_of(note.fate) for note in story.jobs}
    return worst(codes | {exit_code(mention.passport) for mention in story.events})


def record_of_story(story: Story) -> dict[str, Any]:
    """Return all of it, for JSON."""
    return {
        "name": story.name,
        "jobs": [_job(note) for note in story.jobs],
        "events": [{"places": list(one.places)} | record(one.passport) for one in story.events],
        "looked_at": story.looked_at,
        "more": story.more,
        "missing": list(story.missing),
    }


def lines_of_story(story: Story) -> Iterator[str]:
    """Yield all of it, the newest first, in lines that a terminal only shows; of each event, what `why` is for it."""
    for note in story.jobs:
        view = note.view
        when = f"{view.submitted_at:%Y-%m-%d %H:%M:%S} UTC" if view.submitted_at else "-"
        why = f" ({view.reason})" if view.reason else ""
        yield safe(f"job {view.id}: {note.fate}")
        yield safe(f"  {when}, {view.integration}, by {view.submitted_by or '-'}{why}")
        yield safe(f"  {note.reason}")
        if note.next:
            yield safe(f"  next: {note.next}")
    for mention in story.events:
        yield from _lines(mention)
    seen = f"the newest {story.looked_at}" if story.more else f"all {story.looked_at}"
    concern = "1 event concerns" if len(story.events) == 1 else f"{len(story.events)} events concern"
    yield safe(f"{concern} {story.name}; {seen} that are kept were looked at")
    yield from (safe(f"not read: {one}") for one in story.missing)


def _lines(mention: Mention) -> Iterator[str]:
    passport = mention.passport
    event = passport.event
    if event is None:
        return
    place = f", in {', '.join(mention.places)}" if mention.places else ""
    yield safe(f"event {passport.entry}: {event.type or '-'}")
    yield safe(f"  {event.kept:%Y-%m-%d %H:%M:%S} UTC, {event.subject or '-'}{place}, by {event.who or '-'}")
    for finding in passport.findings:
        yield safe(f"  {finding.subscription}: {finding.verdict}")
    if exit_code(passport):
        yield safe(f"  next: qontract why {passport.entry}")


def _job(note: JobNote) -> dict[str, Any]:
    view = note.view
    return {
        "id": view.id,
        "status": view.status,
        "integration": view.integration,
        "submitted_at": view.submitted_at.isoformat() if view.submitted_at else None,
        "submitted_by": view.submitted_by,
        "asked_for": view.reason,
        "fate": note.fate.value,
        "reason": note.reason,
        "next": note.next,
    }
