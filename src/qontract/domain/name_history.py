"""The history of a name: the jobs and events that concern a job, a subject or a person, and what became of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from qontract.domain.explanations import EventExplanation, EventStatus
from qontract.domain.health_findings import count_of
from qontract.domain.job_views import JobView
from qontract.domain.jobs import JobStatus
from qontract.domain.kept_events import KeptEvent

_MAX_VALUES = 100_000
_MAX_PLACES = 5
_UNFINISHED: dict[str, str] = {
    JobStatus.PENDING: "waits for a worker, a lock, or a pause to end",
    JobStatus.RUNNING: "runs",
}


@dataclass(frozen=True)
class Mention:
    """An event that concerns the name, and the fields of its data that have it: `users_to_remove`.

    Without `places` the name is the event's subject or its request.
    """

    explanation: EventExplanation
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobExplanation:
    """What became of a job, or of the part of it that concerns the name: why, and the next command, if any."""

    view: JobView
    status: EventStatus
    reason: str
    next: str | None = None


@dataclass(frozen=True)
class NameHistory:
    """What is known of a name, the newest first.

    `scanned` is how many events the search looked at; with `more`, there are older ones. `missing` says what could not
    be read.
    """

    name: str
    jobs: tuple[JobExplanation, ...] = ()
    events: tuple[Mention, ...] = ()
    scanned: int = 0
    more: bool = False
    missing: tuple[str, ...] = ()


def explain_job(view: JobView, name: str | None = None) -> JobExplanation:
    """Say what became of a job. With a `name`, say it only of the actions on this subject or person."""
    show = f"qontract jobs show {view.id}"
    result = view.result
    first = next(iter(result.errors), "nothing says why")
    match view.status:
        case JobStatus.PENDING | JobStatus.RUNNING:
            how = _UNFINISHED[view.status]
            return JobExplanation(
                view, EventStatus.NOT_DONE_YET, f"it {how}; {result.done} of {result.of} applied", show
            )
        case JobStatus.BLOCKED:
            accept = f"; if it is meant, ask again with --accept-plan {result.plan_digest}"
            return JobExplanation(
                view, EventStatus.BLOCKED_BY_GUARD, first, show + (accept if result.plan_digest else "")
            )
        case JobStatus.SKIPPED:
            by = f"{view.cancelled_by} cancelled it" if view.cancelled_by else "a later job had begun in its scope"
            return JobExplanation(view, EventStatus.REFUSED, f"{by}: {first}" if result.errors else by, show)
        case JobStatus.SUCCESS | JobStatus.FAILED:
            if name is not None:
                return _explain_part(view, name, first)
            return _explain_ended(view, result.actions, result.applied_actions, first)
    return JobExplanation(view, EventStatus.UNKNOWN, view.unreadable or "it cannot be read", show)


_Actions = tuple[Mapping[str, Any], ...]


def _explain_part(view: JobView, name: str, first: str) -> JobExplanation:
    result = view.result
    planned = tuple(action for action in result.actions if concerns(action, name))
    applied = tuple(action for action in result.applied_actions if concerns(action, name))
    if planned or applied:
        error = next((error for error in result.errors if name in error), first)
        return _explain_ended(view, planned, applied, error, part=True)
    if result.actions_left_out:
        reason = f"its result leaves out {count_of(result.actions_left_out, 'action')}"
        return JobExplanation(view, EventStatus.UNKNOWN, reason, "look for its events: qontract events list --subject")
    reason = "it planned nothing for it: it was as desired, or not asked for"
    return JobExplanation(view, EventStatus.NEVER_PLANNED, reason, f"qontract jobs show {view.id}")


def _explain_ended(
    view: JobView, planned: _Actions, applied: _Actions, error: str, *, part: bool = False
) -> JobExplanation:
    show = f"qontract jobs show {view.id}"
    actions = count_of(len(planned), "action")
    if view.dry_run:
        return JobExplanation(view, EventStatus.DRY_RUN, f"it planned {actions}, and was to apply none", "--apply")
    if (view.status is JobStatus.FAILED and not part) or len(applied) < len(planned):
        return JobExplanation(view, EventStatus.ACTION_FAILED, f"{len(applied)} of {actions} applied: {error}", show)
    if not planned:
        return JobExplanation(view, EventStatus.NEVER_PLANNED, "it planned nothing: all was as desired", show)
    return JobExplanation(view, EventStatus.PUBLISHED, f"{count_of(len(applied), 'action')} applied; each is an event")


def concerns(action: Mapping[str, Any], name: str) -> bool:
    """Return whether an action is about this subject, or names this person."""
    return action.get("subject") == name or next(places_of(action, name), None) is not None


def concerned(event: KeptEvent, name: str) -> tuple[str, ...] | None:
    """Return the fields of the event's data that have the name.

    () if the name is its subject or its request; None if the event does not concern the name.
    """
    if event.subject == name or event.text("correlationid") == name:
        return ()
    places = tuple(islice(places_of(event.attributes.get("data"), name), _MAX_PLACES))
    return places or None


def places_of(data: Any, name: str) -> Iterator[str]:
    """Yield the fields under which JSON has this text. It uses no recursion, and looks at 100,000 values at most."""
    left: list[tuple[str, Any]] = [("", data)]
    for _ in range(_MAX_VALUES):
        if not left:
            return
        field, value = left.pop()
        if value == name and isinstance(value, str):
            yield field
        elif isinstance(value, Mapping):
            left += [(str(key), inner) for key, inner in value.items()]
        elif isinstance(value, list | tuple):
            left += [(field, inner) for inner in value]
