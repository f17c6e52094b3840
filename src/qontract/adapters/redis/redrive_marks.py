"""When an event was last redriven, and by whom, as Redis keeps it.

A mark is a number of milliseconds and JSON: `1769851802000 ["alice@ops-1", "run"]`. It is a field of the redriven
entry, and of the letter that this may become. The member of the sorted set begins with the event's entry, in numbers
of 20 digits, so that members are in the order of the entries, and the subscription: `…1769851800123-…0|crm|`.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any

from qontract.adapters.unreadable import read_json
from qontract.domain.dead_letters import Redriven

_ENTRY_ID = re.compile("([0-9]{1,20})-([0-9]{1,20})")
_LONGEST = 300


def member_of(entry: str, subscription: str) -> str:
    """Return what the member of an event begins with; "" for what is no entry of the stream."""
    found = _ENTRY_ID.fullmatch(entry)
    return f"{found[1]:0>20}-{found[2]:0>20}|{subscription}|" if found else ""


def who(by: str, run: str) -> str:
    """Return the second part of a mark."""
    return json.dumps([by, run])


def mark_from(text: bytes) -> Redriven | None:
    """Return what the mark says; None for what is none."""
    milliseconds, _, rest = text.partition(b" ")
    try:
        by, run = read_json(rest)
        return Redriven(datetime.fromtimestamp(int(milliseconds[:20]) / 1000, UTC), _text(by), _text(run))
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _text(found: Any) -> str:
    if not isinstance(found, str):
        raise TypeError("it is no text")
    return found[:_LONGEST].encode(errors="backslashreplace").decode()
