"""What Redis keeps of the attempts at an entry: JSON, in a hash and in the dead letters."""

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from qontract.adapters.unreadable_values import excerpt, read_json
from qontract.application.ports.event_log import Entry
from qontract.domain.dead_letters import FailedAttempt
from qontract.domain.failure_causes import Cause, cause_from

_MAX_ERROR_LENGTH = 1000
_MAX_FAILURES = 100_000
_MAX_RECORD_LENGTH = 64 * 2**20
_DAY = 24 * 3600.0
_YEAR = 366 * _DAY


def failures_to_json(failures: Iterable[FailedAttempt]) -> str:
    """Return the failures as the text that a dead letter has. The text of an error is cut."""
    return json.dumps(_objects(failures))


def failures_from_json(text: bytes) -> tuple[FailedAttempt, ...]:
    """Read what `failures_to_json` wrote. Raises ValueError for anything else."""
    return _failures(read_json(text))


def record_to_json(entry: Entry) -> str:
    """Return what is to be known of the attempts at an entry."""
    return json.dumps({"failures": _objects(entry.failures), "due": entry.due, "begun": entry.begun})


def restore_attempts(entry: Entry, record: bytes) -> None:
    """Put into an entry what `record_to_json` wrote. Raises ValueError for anything else, and changes nothing.

    The message is short and can be printed. A time that no attempt can have is not ours: nobody would wait for it.
    """
    try:
        known = read_json(record if len(record) <= _MAX_RECORD_LENGTH else b"")
        now = time.time()
        due, begun = _seconds(known["due"], now + _YEAR), _seconds(known["begun"], now + _DAY)
        failures = _failures(known["failures"])
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(excerpt(f"{type(error).__name__}: {error}")) from error
    entry.failures, entry.due, entry.begun = failures, due, begun


def _objects(failures: Iterable[FailedAttempt]) -> list[dict[str, Any]]:
    return [
        {"time": failure.time.isoformat(), "error": failure.error[:_MAX_ERROR_LENGTH]}
        | ({"cause": failure.cause} if failure.cause else {})
        for failure in failures
    ]


def _failures(found: Any) -> tuple[FailedAttempt, ...]:
    if not isinstance(found, list) or len(found) > _MAX_FAILURES:
        raise ValueError("the failures are no list, or too many")
    try:
        return tuple(FailedAttempt(_time(one["time"]), _text(one["error"]), _cause(one)) for one in found)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _time(found: Any) -> datetime:
    time_ = datetime.fromisoformat(found)
    if time_.tzinfo is None:
        raise ValueError("a time has no time zone")
    return time_.astimezone(UTC)


def _text(found: Any) -> str:
    if not isinstance(found, str):
        raise TypeError("an error is no text")
    return found[:_MAX_ERROR_LENGTH].encode(errors="backslashreplace").decode()  # half a character is no text


def _cause(found: Any) -> Cause | None:
    """Return the cause; None if there is none, as in what an older version wrote."""
    return cause_from(*found["cause"]) if found.get("cause") is not None else None


def _seconds(found: Any, most: float) -> float:
    seconds = float(found) if isinstance(found, int | float) else -1.0
    if not 0 <= seconds <= most:
        raise ValueError("a time is none that an attempt can have")
    return seconds
