"""Dead letters, and changes of them, as Redis keeps them: entries of streams."""

import json
from datetime import UTC, datetime
from typing import Any

from qontract.adapters.redis.records.attempt_records import failures_from_json
from qontract.adapters.redis.records.redrive_marks import mark_from
from qontract.adapters.unreadable_values import excerpt, read_json
from qontract.application.delivery.subscription import wrong_with_name
from qontract.application.ports.dead_letters import ChangedBy
from qontract.domain.dead_letters import ChangedLetter, DeadLetter, FailedAttempt

_FIELDS = (b"__data__", b"subscription", b"entry", b"failures")
_MAX_KEY_LENGTH = 100
_MAX_TEXT_LENGTH = 2000
_TEXTS = ("what", "batch", "letter", "subscription", "entry", "group", "cause", "by")


def letter_from(entry_id: bytes, fields: dict[bytes, bytes]) -> DeadLetter:
    """Read an entry; one that is not ours, as far as it can be read."""
    wrong = [f"it has no {name.decode()}" for name in _FIELDS if name not in fields]
    subscription, entry = (fields.get(name, b"").decode(errors="replace") for name in (b"subscription", b"entry"))
    if b"subscription" in fields and wrong_with_name(subscription):
        wrong, subscription = [*wrong, f"it is of no subscription: {excerpt(subscription)}"], ""
    failures: tuple[FailedAttempt, ...] = ()
    try:
        failures = failures_from_json(fields.get(b"failures", b"[]"))
    except ValueError as error:
        wrong.append(f"failures: {excerpt(error)}")
    return DeadLetter(
        entry_id.decode(),
        subscription,
        fields.get(b"__data__", b""),
        failures,
        entry[:_MAX_KEY_LENGTH],
        "; ".join(wrong),
        mark_from(fields[b"redriven"]) if b"redriven" in fields else None,
    )


def change_to_json(what: str, letter: DeadLetter, by: ChangedBy) -> str:
    """Return the record of a change that is about to be made; "" if no event is to tell of it."""
    if not by.batch:
        return ""
    record = {
        "what": what,
        "batch": by.batch,
        "letter": letter.id,
        "subscription": letter.subscription,
        "entry": letter.entry,
        "event_id": letter.event_id,
        "group": letter.group,
        "cause": str(letter.cause),
        "time": datetime.now(UTC).isoformat(),
        "by": by.who,
    }
    return json.dumps(record)


def change_from(entry_id: bytes, fields: dict[bytes, bytes]) -> ChangedLetter:
    """Read the record of a change. Raises ValueError for what is none."""
    try:
        record = read_json(fields[b"change"])
        time = datetime.fromisoformat(record["time"])
        if time.tzinfo is None:
            raise ValueError("a time has no time zone")
        event_id = record["event_id"] and _text(record["event_id"])
        texts = {name: _text(record[name]) for name in _TEXTS}
        if texts["what"] not in {"redriven", "discarded"}:
            raise ValueError("nobody knows what was done")
        return ChangedLetter(key=entry_id.decode(), event_id=event_id, time=time.astimezone(UTC), **texts)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _text(found: Any) -> str:
    if not isinstance(found, str):
        raise TypeError("a part of it is no text")
    return found[:_MAX_TEXT_LENGTH].encode(errors="backslashreplace").decode()
