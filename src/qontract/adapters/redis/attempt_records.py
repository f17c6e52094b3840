"""What Redis keeps of the attempts at an entry: JSON, in a hash and in the dead letters."""

import json
import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from qontract.application.ports.event_log import Entry
from qontract.domain.dead_letters import FailedAttempt


def failures_to_json(failures: Iterable[FailedAttempt]) -> str:
    """Return the failures as the text that a dead letter has."""
    return json.dumps(_objects(failures))


def failures_from_json(text: bytes) -> tuple[FailedAttempt, ...]:
    """Read what `failures_to_json` wrote. Raises ValueError for anything else."""
    return _failures(json.loads(text))


def record_to_json(entry: Entry) -> str:
    """Return what is to be known of the attempts at an entry."""
    return json.dumps({"failures": _objects(entry.failures), "due": entry.due, "begun": entry.begun})


def recall(entry: Entry, record: bytes) -> None:
    """Put into an entry what `record_to_json` wrote. Raises ValueError for anything else, and changes nothing."""
    try:
        known = json.loads(record)
        due, begun = float(known["due"]), float(known["begun"])
        failures = _failures(known["failures"])
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    if not math.isfinite(due) or not math.isfinite(begun):
        raise ValueError("a time is no number")
    entry.failures, entry.due, entry.begun = failures, due, begun


def _objects(failures: Iterable[FailedAttempt]) -> list[dict[str, str]]:
    return [{"time": failure.time.isoformat(), "error": failure.error} for failure in failures]


def _failures(found: Any) -> tuple[FailedAttempt, ...]:
    try:
        return tuple(
            FailedAttempt(datetime.fromisoformat(one["time"]).astimezone(UTC), str(one["error"])) for one in found
        )
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
