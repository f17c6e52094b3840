"""Findings: how well each part of the system is, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class HealthStatus(StrEnum):
    """How well a part is. `NOT_KNOWN`: it did not answer."""

    WELL = "well"
    NOT_WELL = "not well"
    NOT_KNOWN = "not known"


@dataclass(frozen=True)
class Finding:
    """How well a `thing` is (`redis`), or one of several (`subscription`, by `name`).

    `says` is the whole finding. If the thing is not well, there is also a `brief` reason, and the step to take next.
    """

    thing: str
    says: str
    name: str = ""
    wellness: HealthStatus = HealthStatus.WELL
    brief: str = ""
    next_step: str = ""


@dataclass(frozen=True)
class ProbeFailure:
    """The reason why a part did not answer."""

    why: str


def not_well(thing: str, says: str, *, next_step: str, name: str = "", brief: str = "") -> Finding:
    """Return the finding that a thing is not well. The brief reason is `says` if none is given."""
    return Finding(thing, says, name, HealthStatus.NOT_WELL, brief or says, next_step)


def not_known(thing: str, unanswered: ProbeFailure, *, next_step: str = "") -> Finding:
    """Return the finding that it is not known how well a thing is."""
    brief = f"{thing}: {unanswered.why}"
    return Finding(thing, unanswered.why, wellness=HealthStatus.NOT_KNOWN, brief=brief, next_step=next_step)


def count_of(number: int, noun: str) -> str:
    """Return the number with its noun: `1 event`, `2 events`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def events_wait(events: int) -> str:
    """Return a clause: `1 event waits`, `2 events wait`."""
    return f"{count_of(events, 'event')} wait{'s' if events == 1 else ''}"


def size(number: float) -> str:
    """Return a number of bytes as people say it: `12.3 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:  # noqa: PLR2004 - SI prefixes
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
