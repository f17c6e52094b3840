"""What became of what somebody asked for: of a job, of all that concerns a subject or a person. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from qontract.domain.findings import counted
from qontract.domain.jobs import JobResult, JobStatus
from qontract.domain.kept_events import KeptEvent
from qontract.domain.kept_jobs import JobView
from qontract.domain.passport import Fate, Passport

_MOST_VALUES = 100_000
_MOST_PLACES = 5


@dataclass(frozen=True)
class Mention:
    """An event, and where in its data the name is: `users_to_remove`; nothing if the event is about it."""

    passport: Passport
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobNote:
    """A job, and what became of it, or of its part in what is asked about: why, and the next command, if any."""

    view: JobView
    fate: Fate
    reason: str
    next: str | None = None


@dataclass(frozen=True)
class Story:
    """What is known of a name: the newest first. `looked_at`: how many events, and `more`: there are older ones.

    `missing` says what could not be read.
    """

    name: str
    jobs: tuple[JobNote, ...] = ()
    events: tuple[Mention, ...] = ()
    looked_at: int = 0
    more: bool = False
    missing: tuple[str, ...] = ()


def note_of(view: JobView, subject: str | None = None) -> JobNote:
    """Say what became of a job, or of what it planned for a subject, or for a person whom its actions name."""
    show = f"qontract jobs show {view.id}"
    result = view.result
    first = result.errors[0] if result.errors else "nothing says why"
    match view.status:
        case JobStatus.PENDING | JobStatus.RUNNING:
            how = "waits for a worker, a lock, or a pause to end" if view.status is JobStatus.PENDING else "runs"
            return JobNote(view, Fate.NOT_DONE_YET, f"it {how}; {result.done} of {result.of} applied", show)
        case JobStatus.BLOCKED:
            accept = (
                f"; if it is meant, ask again with --accept-plan {result.plan_digest}" if result.plan_digest else ""
            )
            return JobNote(view, Fate.BLOCKED_BY_GUARD, first, f"{show}{accept}")
        case JobStatus.SKIPPED:
            by = f"{view.cancelled_by} cancelled it" if view.cancelled_by else "a later job had begun in its scope"
            return JobNote(view, Fate.REFUSED, f"{by}: {first}" if result.errors else by, show)
        case JobStatus.SUCCESS | JobStatus.FAILED:
            return _ended(view, result, subject, first, show)
    return JobNote(view, Fate.UNKNOWN, view.unreadable or "it cannot be read", show)


def _ended(view: JobView, result: JobResult, subject: str | None, first: str, show: str) -> JobNote:
    planned = [action for action in result.actions if subject is None or concerns(action, subject)]
    applied = [action for action in result.applied_actions if subject is None or concerns(action, subject)]
    if subject is not None and not planned and not applied:
        if result.actions_left_out:
            reason = f"its result leaves out {counted(result.actions_left_out, 'action')}"
            return JobNote(view, Fate.UNKNOWN, reason, "look for its events: qontract events list --subject")
        return JobNote(view, Fate.NEVER_PLANNED, "it planned nothing for it: it was as desired, or not asked for", show)
    if view.dry_run:
        return JobNote(
            view, Fate.DRY_RUN, f"it planned {counted(len(planned), 'action')}, and was to apply none", "--apply"
        )
    if (view.status is JobStatus.FAILED and subject is None) or len(applied) < len(planned):
        about = next((error for error in result.errors if subject and subject in error), first)
        return JobNote(
            view, Fate.ACTION_FAILED, f"{len(applied)} of {counted(len(planned), 'action')} applied: {about}", show
        )
    if not planned:
        return JobNote(view, Fate.NEVER_PLANNED, "it planned nothing: all was as desired", show)
    return JobNote(view, Fate.PUBLISHED, f"{counted(len(applied), 'action')} applied; each is an event")


def concerns(action: Mapping[str, Any], name: str) -> bool:
    """Say whether an action is about this subject, or names this person."""
    return action.get("subject") == name or next(places_of(action, name), None) is not None


def concerned(event: KeptEvent, name: str) -> tuple[str, ...] | None:
    """Return where the event's data has the name; () if it is its subject, and None if neither."""
    if event.subject == name or event.text("correlationid") == name:
        return ()
    places = tuple(islice(places_of(event.attributes.get("data"), name), _MOST_PLACES))
    return places or None


def places_of(data: Any, name: str) -> Iterator[str]:
    """Yield the names of the fields below which JSON has this text, without recursion, and up to a bound."""
    left: list[tuple[str, Any]] = [("", data)]
    for _ in range(_MOST_VALUES):
        if not left:
            return
        field, value = left.pop()
        if value == name and isinstance(value, str):
            yield field
        elif isinstance(value, Mapping):
            left += [(str(key), inner) for key, inner in value.items()]
        elif isinstance(value, list | tuple):
            left += [(field, inner) for inner in value]
