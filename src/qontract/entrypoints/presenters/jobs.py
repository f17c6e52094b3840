"""A job, as JSON, and what JSON says of it as lines for people."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from qontract.domain.health_findings import count_of
from qontract.domain.job_views import JobView
from qontract.domain.subscriptions import duration
from qontract.entrypoints.terminal_text import cut, line, safe

_GAP = 2
_NARROW = 24
"""Columns, below which a list has no room to say who asked for a job."""


def record(view: JobView, *, whole: bool) -> dict[str, Any]:
    """Return what is known of a job, for JSON; the actions and all errors only if it is to be `whole`."""
    result = view.result.model_dump(mode="json")
    if not whole:
        result = {name: result[name] for name in ("done", "of", "errors", "plan_digest")}
    return {
        "id": view.id,
        "status": str(view.status),
        "integration": view.integration or None,
        "scopes": list(view.scopes),
        "dry_run": view.dry_run,
        "submitted_at": _iso(view.submitted_at),
        "submitted_by": view.submitted_by,
        "reason": view.reason,
        "correlation_id": view.correlation_id,
        "began_at": _iso(view.began_at),
        "ended_at": _iso(view.ended_at),
        "due_at": _iso(view.due_at),
        "attempt": view.attempt,
        "slice": view.slice,
        "worker_alive": view.worker_alive,
        "cancelled_by": view.cancelled_by,
        "unreadable": view.unreadable or None,
        "next": next_step(view),
        "result": result,
    }


def next_step(view: JobView) -> str | None:
    """Return what to do next; None if there is nothing to do."""
    if view.unreadable:
        return "is QAPI_AUTH__SECRET the key of the API? If it is, somebody else has written into Redis"
    if not view.ended:
        return _while_open(view)
    digest = view.result.plan_digest
    known = {
        "blocked": f"if the plan is right: qontract reconcile {view.integration} FILE --apply --accept-plan {digest}",
        "failed": "what it applied stays; the same request again does the rest",
    }
    return known.get(view.status)


def _while_open(view: JobView) -> str:
    if view.cancelled_by:
        return "it stops before its next action"
    if view.worker_alive is False:
        return "its worker shows no life; it is run again within a minute or two, if any worker is alive"
    if view.began_at is None:
        return f"is a worker alive? If nobody wants it any more: qontract jobs cancel {view.id}"
    return f"to stop it: qontract jobs cancel {view.id}"


def listed(records: Sequence[Mapping[str, Any]], columns: int | None) -> Iterator[str]:
    """Yield the lines of a list that fit so many columns; the ids are whole. None: nothing is cut."""
    rows = [("JOB", "SUBMITTED", "STATUS", "SCOPES", "BY"), *map(_row, records)]
    texts = [[safe(cell) for cell in row] for row in rows]
    widths = _widths(texts, columns)
    for text in texts:
        scopes = _scopes(text[3], widths[3])
        cells = [one for one in zip([*text[:3], scopes, text[4]], widths, strict=True) if one[1]]
        yield line([cell for cell, _ in cells], [width for _, width in cells])


def _widths(texts: Sequence[Sequence[str]], columns: int | None) -> list[int]:
    """Return how wide each column may be: where there is little room, BY is left out, and SCOPES are cut."""
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    if columns is not None:
        room = max(0, columns - sum(widths[:3]) - 3 * _GAP)
        widths[4] = 0 if room < _NARROW else min(widths[4], room // 3)
        widths[3] = min(widths[3], room - widths[4] - _GAP if widths[4] else room)
    return widths


def _scopes(text: str, width: int) -> str:
    """Return the scopes in so many columns: without their integration, and then without their start, if need be."""
    short = text if len(text) <= width else text.partition(": ")[2] or text
    return cut(short, width, at_start=True) if width else ""


def _work(found: Mapping[str, Any]) -> str:
    """Return the integration and the scopes of a job."""
    return f"{found['integration'] or '-'}: {', '.join(found['scopes']) or '-'}"


def _row(found: Mapping[str, Any]) -> tuple[object, ...]:
    submitted = _time(found["submitted_at"])
    return (
        found["id"],
        f"{submitted:%m-%d %H:%M}" if submitted else "-",
        progress_text(found),
        _work(found),
        found["submitted_by"] or "-",
    )


def progress_text(found: Mapping[str, Any]) -> str:
    """Return how far a job is, in a word or three: `running 23/700`."""
    status, result = found["status"], found["result"]
    progress = f" {result['done']}/{result['of']}" if result["of"] and not found["dry_run"] else ""
    return f"{status}{progress}{' plan' if found['dry_run'] else ''}"


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is known of a job, but for its actions, in lines that a terminal only shows."""
    yield safe(found["id"])
    for name, value in _about(found).items():
        if value is not None:
            yield f"  {name:9} {safe(value)}"


def _about(found: Mapping[str, Any]) -> dict[str, str | None]:
    """Return what is said of a job, by its label; None where nothing is to be said."""
    result, digest = found["result"], found["result"]["plan_digest"]
    return {
        "status": ": ".join(filter(None, (found["status"], found["unreadable"]))),
        "asked by": found["submitted_by"] or "-",
        "reason": found["reason"] or "-",
        "to do": _work(found),
        "kind": "dry run: it changes nothing" if found["dry_run"] else "apply",
        "submitted": _ago(found["submitted_at"]),
        "began": _ago(found["began_at"]),
        "ended": _ago(found["ended_at"]),
        "worker": _worker(found),
        "applied": f"{result['done']} of {count_of(result['of'], 'action')}" if result["of"] else "-",
        "cancelled": found["cancelled_by"] and f"by {found['cancelled_by']}",
        "digest": digest if found["status"] == "blocked" else None,
        "request": found["correlation_id"] or "-",
        "next": found["next"],
    }


def _worker(found: Mapping[str, Any]) -> str | None:
    if found["ended_at"] or not found["began_at"]:
        return None
    which = f"slice {found['slice']}"
    if found["worker_alive"] is None:
        due = _time(found["due_at"])
        return f"none now, after {which}" + (f"; it goes on at {due:%H:%M:%S} UTC" if due else "")
    return f"{which}, attempt {found['attempt']}; it " + ("lives" if found["worker_alive"] else "shows no life")


def _ago(text: str | None) -> str:
    time = _time(text)
    if time is None:
        return "-"
    return f"{time:%Y-%m-%d %H:%M:%S} UTC, {duration(max(0.0, (datetime.now(UTC) - time).total_seconds()))} ago"


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
