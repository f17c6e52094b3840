"""Events as lines, for people and for scripts; and the events that people write."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from qontract.domain.kept_events import KeptEvent
from qontract.entrypoints.terminal_text import as_json as to_json
from qontract.entrypoints.terminal_text import cut, safe, width

_TIME, _ENTRY, _TYPE, _SUBJECT, _WHO = 14, 15, 22, 13, 8
"""The widths of the parts of a line, which are 80 columns with what is between them."""


class Lines:
    """Makes a line of each event: JSON, or on a terminal one that fits; where nobody is watching nothing is cut."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._width = width()

    def of(self, event: KeptEvent) -> str:
        """Return the line of an event."""
        if self._as_json:
            return to_json(record(event))
        parts = [safe(part or "-") for part in (event.type, event.subject, event.who)]
        if self._width is None:
            return "  ".join([event.kept.isoformat(timespec="milliseconds"), safe(event.entry), *parts])
        more = self._width - (_TIME + _ENTRY + _TYPE + _SUBJECT + _WHO + 8)
        of_type, of_subject = _TYPE + more // 2, _SUBJECT + more // 4
        shown = [
            f"{event.kept:%m-%d %H:%M:%S}",
            cut(safe(event.entry), _ENTRY),
            cut(parts[0], of_type, at_start=True),  # its end says what happened
            cut(parts[1], of_subject),
            cut(parts[2], _WHO + more - more // 2 - more // 4),
        ]
        return "  ".join(shown).rstrip()


def record(event: KeptEvent) -> dict[str, Any]:
    """Return what JSON says of an event: the event itself, or, of bytes that are none, these as text."""
    about: dict[str, Any] = {"entry": event.entry, "kept": event.kept.isoformat(timespec="milliseconds")}
    if event.attributes:
        return about | {"event": dict(event.attributes)}
    return about | {"content": event.content.decode(errors="backslashreplace")}


def format_event(event: KeptEvent, *, as_json: bool) -> str:
    """Return all that is known of an event, in lines; or only the event, as JSON."""
    content = event.content.decode(errors="backslashreplace")
    event_text = to_json(dict(event.attributes), indent=2) if event.attributes else safe(content)
    if as_json:
        return event_text
    about = {"entry": event.entry, "kept": event.kept.isoformat(timespec="milliseconds")}
    about |= {name: event.text(name) or "-" for name in ("type", "source", "subject", "id", "time")}
    about["who"] = event.who or "-"
    lines = [f"{name:8} {safe(value)}" for name, value in about.items()]
    return "\n".join([*lines, "", event_text])


def content_of(file: str) -> bytes:
    """Return the bytes of a file; `-` is the input. Raises OSError."""
    return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()


def new_event(event_type: str, source: str, subject: str | None, data: str | None) -> bytes:
    """Return a CloudEvent of now with a new id. Raises ValueError if the data is no JSON."""
    event: dict[str, Any] = {"specversion": "1.0", "id": str(uuid4()), "type": event_type, "source": source}
    event |= {"time": datetime.now(UTC).isoformat(), "datacontenttype": "application/json"}
    event |= {} if subject is None else {"subject": subject}
    if data is not None:
        try:
            event["data"] = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"--data: not JSON: {error}") from None
    return json.dumps(event).encode()
