"""How the system is, as JSON and as lines for people."""

from collections.abc import Iterator
from dataclasses import asdict
from textwrap import wrap
from typing import Any

from qontract.domain.health_findings import Finding, HealthStatus, ProbeFailure
from qontract.domain.processes import ProcessKind, ProcessView
from qontract.domain.status import Status, SystemFacts, status_of
from qontract.entrypoints.terminal_text import safe

_MARKS = {HealthStatus.WELL: "well", HealthStatus.NOT_WELL: "NOT WELL", HealthStatus.NOT_KNOWN: "NOT KNOWN"}
_INDENT = max(map(len, _MARKS.values())) + 2


def record(facts: SystemFacts) -> dict[str, Any]:
    """Return all that is known, for JSON. Times are in seconds."""
    status = status_of(facts)
    seen = () if isinstance(facts.processes, ProbeFailure) else facts.processes
    return {
        "status": status.wellness.value,
        "sentence": status.sentence,
        "findings": [_finding(finding) for finding in status.findings],
        "processes": [_process(one) for one in seen if one.runs],
        "redis": None if isinstance(facts.server, ProbeFailure) else asdict(facts.server),
    }


def lines(status: Status, width: int | None) -> Iterator[tuple[str, HealthStatus]]:
    """Yield the sentence, then the lines of each finding, each with how well that is.

    A line has so many columns at most; None: nobody is watching, and each finding has one line, and one for what to do.
    """
    for line in _wrapped(status.sentence, "", width):
        yield line, status.wellness
    yield "", HealthStatus.WELL
    for finding in status.findings:
        for line in _wrapped(f"{_label(finding)}: {finding.says}", f"{_MARKS[finding.wellness]:{_INDENT}}", width):
            yield line, finding.wellness
        if finding.next_step:
            for line in _wrapped(f"next: {finding.next_step}", " " * _INDENT, width):
                yield line, HealthStatus.WELL


def _wrapped(text: str, begin: str, width: int | None) -> list[str]:
    if width is None:
        return [begin + safe(text)]
    rest = " " * len(begin)
    return wrap(safe(text), width, initial_indent=begin, subsequent_indent=rest, break_on_hyphens=False)


def _label(finding: Finding) -> str:
    """Return what the finding is about; what a process is named after is in what is said of it."""
    has_name = finding.name and finding.thing not in set(ProcessKind)
    return f"{finding.thing} {finding.name}" if has_name else finding.thing


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "thing": finding.thing,
        "name": finding.name or None,
        "status": finding.wellness.value,
        "says": finding.says,
        "next": finding.next_step or None,
    }


def _process(seen: ProcessView) -> dict[str, Any]:
    process = seen.process
    about = asdict(process) | {"kind": process.kind.value, "started": process.started.isoformat()}
    return about | {"seen_seconds": seen.seconds}
