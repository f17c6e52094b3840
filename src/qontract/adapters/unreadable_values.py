"""What is kept and cannot be read: it is named once, counted, and passed over."""

import json
import logging
from typing import Any

from prometheus_client import Counter

log = logging.getLogger(__name__)

UNREADABLE = Counter("qontract_unreadable_values_total", "Kept values that were unreadable, by their store", ["store"])

_NAMED, _COUNTED = 100, 10_000
_MAX_LENGTH = 200


class Unreadable:
    """The values of one `store` that could not be read; `consequence` is what a log line says of them.

    Each is named and counted once by this process: the first 100 are named, and 10,000 counted.
    """

    def __init__(self, store: str, consequence: str) -> None:
        self._counter = UNREADABLE.labels(store)
        self._consequence = consequence
        self._known: set[int] = set()

    def report(self, value: bytes, error: Exception, **where: str) -> None:
        """Name and count a value, unless that was done before. `where` it was found is cut, and escaped."""
        known = hash((value, *where.values()))
        if known in self._known or len(self._known) >= _COUNTED:
            return
        self._known.add(known)
        self._counter.inc()
        if len(self._known) > _NAMED:
            return
        shown = {name: excerpt(text) for name, text in where.items()}
        extra = shown | {"value": excerpt(value), "error": excerpt(f"{type(error).__name__}: {error}")}
        log.error(self._consequence, extra=extra)
        if len(self._known) == _NAMED:
            log.error("more values cannot be read; they are counted, and not named", extra=shown)


def excerpt(found: object) -> str:
    """Return a text of bounded length that a terminal only shows: what is not printable is escaped, as in JSON."""
    text = found.decode(errors="backslashreplace") if isinstance(found, bytes) else str(found)
    shown = "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text[: _MAX_LENGTH + 1])
    return shown if len(shown) <= _MAX_LENGTH else f"{shown[:_MAX_LENGTH]}…"


def read_json(text: bytes | str) -> Any:
    """Return what the JSON says. Raises ValueError, and nothing else."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
