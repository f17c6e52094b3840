"""An explanation, as JSON and as lines for people; and what it means for scripts."""

from collections.abc import Collection, Iterator
from typing import Any

from qontract.domain.explanations import EventExplanation, EventStatus, SubscriptionFinding, Verdict
from qontract.domain.kept_events import KeptEvent
from qontract.entrypoints.presenters.event_lines import record as record_of_event
from qontract.entrypoints.terminal_text import safe

GIVEN_UP, WAITS, UNKNOWN = 4, 3, 1
"""Exit codes: a subscription, or a job, gave it up; something is still to come; not all could be found out."""

_BORN = {
    "asked by": "authid",
    "reason": "reason",
    "request": "correlationid",
    "caused by": "causationid",
    "time": "time",
}
_CODES = {
    EventStatus.PUBLISHED: 0,
    EventStatus.SPOOLED_ON: WAITS,
    EventStatus.INTENT_PENDING: WAITS,
    EventStatus.NOT_DONE_YET: WAITS,
    EventStatus.NEVER_PLANNED: 0,
    EventStatus.DRY_RUN: 0,
    EventStatus.UNKNOWN: UNKNOWN,
}


def exit_code(explanation: EventExplanation) -> int:
    """Return the exit code: of several, what was given up goes before what is unknown, and that before what waits."""
    verdicts = [finding.verdict for finding in explanation.findings]
    codes = {code_of(explanation.status)}
    codes |= {GIVEN_UP for one in verdicts if one.is_given_up}
    codes |= {UNKNOWN for one in verdicts if one is Verdict.UNKNOWN}
    codes |= {WAITS for one in verdicts if one.waits}
    return worst(codes)


def code_of(status: EventStatus) -> int:
    """Return the exit code of what became of a job, or of an event before any subscription has to do with it."""
    return _CODES.get(status, GIVEN_UP)


def worst(codes: Collection[int]) -> int:
    """Return the exit code of several."""
    return next((code for code in (GIVEN_UP, UNKNOWN, WAITS) if code in codes), 0)


def record(explanation: EventExplanation) -> dict[str, Any]:
    """Return all that is known, for JSON."""
    event = explanation.event
    return {
        "status": explanation.status.value,
        "reason": explanation.reason,
        "next": explanation.next,
        "entry": explanation.entry or None,
        "job": explanation.job or None,
        "event": record_of_event(event) if event else None,
        "subscriptions": [_record(finding) for finding in explanation.findings],
        "missing": list(explanation.missing),
    }


def lines(explanation: EventExplanation) -> Iterator[str]:
    """Yield all that is known, in lines that a terminal only shows."""
    if explanation.event:
        yield from _lines_of_event(explanation.event)
    if explanation.job:
        yield safe(f"{'job':10} {explanation.job}")
    yield safe(f"{explanation.status:10} {explanation.reason}")
    if explanation.next:
        yield safe(f"  next: {explanation.next}")
    for finding in explanation.findings:
        yield ""
        yield from _lines(finding)
    if explanation.missing:
        yield ""
        yield from (safe(f"not read: {one}") for one in explanation.missing)


def _lines_of_event(event: KeptEvent) -> Iterator[str]:
    for name in ("id", "type", "subject", "source"):
        yield f"{name:10} {safe(event.text(name) or '-')}"
    for label, name in _BORN.items():
        if text := event.text(name):
            yield f"{label:10} {safe(text)}"


def _record(finding: SubscriptionFinding) -> dict[str, Any]:
    return {
        "name": finding.subscription,
        "verdict": finding.verdict.value,
        "reason": finding.reason,
        "next": finding.next,
        "details": dict(finding.details),
        "missing": list(finding.missing),
    }


def _lines(finding: SubscriptionFinding) -> Iterator[str]:
    yield safe(f"{finding.subscription}: {finding.verdict}")
    yield safe(f"  {finding.reason}")
    if finding.next:
        yield safe(f"  next: {finding.next}")
    yield from (safe(f"  not read: {one}") for one in finding.missing)
