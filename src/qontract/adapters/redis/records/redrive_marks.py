"""When an event was last redriven or its letter discarded, and by whom, as Redis keeps it.

A mark is a number of milliseconds and JSON: `1769851802000 ["alice@ops-1", "run"]`. It is a field of the redriven
entry, and of the letter that this may become. The member of the sorted set begins with the event's entry, in numbers
of 20 digits, so that members are in the order of the entries, and the subscription: `…1769851800123-…0|crm|`.

That of a discarded letter has one more `|` before the subscription, and says when and why the last attempt failed:
`1769851802000 ["alice@ops-1", 3, 1769851801000, "ValueError: no"]`.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any

from qontract.adapters.unreadable_values import read_json
from qontract.domain.dead_letters import DeadLetter, Discarded, Redriven

_ENTRY_ID = re.compile("([0-9]{1,20})-([0-9]{1,20})")
_MAX_LENGTH = 300


def mark_prefix(entry: str, subscription: str) -> str:
    """Return what the member of an event begins with; "" for what is no entry of the stream."""
    found = _ENTRY_ID.fullmatch(entry)
    return f"{found[1]:0>20}-{found[2]:0>20}|{subscription}|" if found else ""


def discards_of(entry: str, subscription: str) -> str:
    """Return what the member of a discarded letter begins with; "" for one of no subscription, or of no entry."""
    return mark_prefix(entry, f"|{subscription}") if subscription else ""


def discard_member(by: str, letter: DeadLetter) -> str:
    """Return the second part of the mark of a discarded letter."""
    failed = int(letter.died.timestamp() * 1000) if letter.died else None
    return json.dumps([by, len(letter.failures), failed, letter.error[:_MAX_LENGTH]])


def discard_from(text: bytes) -> Discarded | None:
    """Return what the mark of a discarded letter says; None for what is none."""
    milliseconds, _, rest = text.partition(b" ")
    try:
        by, attempts, failed, error = read_json(rest)
        when = None if failed is None else _moment(failed)
        return Discarded(_moment(milliseconds[:20]), _text(by), int(attempts), when, _text(error))
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _moment(milliseconds: Any) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def actor_and_run(by: str, run: str) -> str:
    """Return the second part of a mark."""
    return json.dumps([by, run])


def mark_from(text: bytes) -> Redriven | None:
    """Return what the mark says; None for what is none."""
    milliseconds, _, rest = text.partition(b" ")
    try:
        by, run = read_json(rest)
        return Redriven(_moment(milliseconds[:20]), _text(by), _text(run))
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _text(found: Any) -> str:
    if not isinstance(found, str):
        raise TypeError("it is no text")
    return found[:_MAX_LENGTH].encode(errors="backslashreplace").decode()
