"""What the scripts answer, as entries; and the keys of entries.

The key of an entry, and of its record, is its id in the stream; of one that was redriven, it is `redriven/` and its id
in the redriven stream.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from qontract.application.ports.event_log import Entry

REDRIVEN = "redriven/"
KEY_PREFIXES = (REDRIVEN, "")
"""What the keys begin with, of the redriven stream and of the stream."""


_ENTRY_ID = re.compile("[0-9]{1,20}-[0-9]{1,20}")


def new_entries(prefix: str, flat: Sequence[Any]) -> list[Entry]:
    """Return the entries of a flat list: id, content, type."""
    parts = iter(flat)
    return [
        Entry(prefix + entry_id.decode(), content_from(content), type_from(kind))
        for entry_id, content, kind in zip(parts, parts, parts, strict=True)
    ]


def redelivered_entries(prefix: str, flat: Sequence[Any]) -> list[tuple[Entry, bytes | None]]:
    """Return the entries of a flat list: id, content, type, record. Their records are still to be read."""
    parts = iter(flat)
    return [
        (Entry(prefix + entry_id.decode(), content_from(content), type_from(kind), redelivered=True), record)
        for entry_id, content, kind, record in zip(parts, parts, parts, parts, strict=True)
    ]


def vanished_entries(prefix: str, ids: Iterable[bytes]) -> list[Entry]:
    """Return the entries that are no longer in the stream."""
    return [Entry(prefix + entry_id.decode(), None, redelivered=True, expired=1) for entry_id in ids]


def vanished_unread_entry(number: int, last: bytes) -> Entry:
    """Return what stands for so many entries that were removed before they were read, after the id `last`."""
    return Entry(f"{number} unread after {last.decode()}", None, redelivered=True, expired=number)


def is_entry_id(text: str) -> bool:
    """Say whether it is a whole id: half of one is a range to Redis, and a number of more than 64 bits an error."""
    return bool(_ENTRY_ID.fullmatch(text)) and all(int(number) < 2**64 for number in text.split("-"))


def later_id(one: bytes, other: bytes) -> bytes:
    """Return the later of two ids."""
    return max(one, other, key=id_order)


def ids_by_stream(entries: Collection[Entry]) -> tuple[list[str], list[str]]:
    """Return the ids of the entries in the redriven stream, and of those in the stream; what expired has none."""
    redriven: list[str] = []
    kept: list[str] = []
    for entry in entries:
        if not entry.expired:
            key = str(entry.key)
            if key.startswith(REDRIVEN):
                redriven.append(key.removeprefix(REDRIVEN))
            else:
                kept.append(key)
    return redriven, kept


def place_of(entry: Entry) -> tuple[int, str]:
    """Return where an entry is: 0 in the redriven stream, 1 in the stream; and its id there."""
    key = str(entry.key)
    return (0, key.removeprefix(REDRIVEN)) if key.startswith(REDRIVEN) else (1, key)


def content_from(found: Any) -> bytes:
    """Return the bytes of an event; of an entry that has none, its fields as JSON, so that a dead letter shows them."""
    if isinstance(found, bytes):
        return found
    texts = [part.decode(errors="backslashreplace") for part in found]
    return json.dumps(dict(zip(texts[::2], texts[1::2], strict=True))).encode()


def content_of_fields(fields: Mapping[bytes, bytes]) -> bytes:
    """Return what `content_from` does, from the fields of an entry as redis-py has them."""
    return content_from(fields.get(b"__data__", [part for field in fields.items() for part in field]))


def type_from(kind: bytes | None) -> str | None:
    """Return the type of an event; None if it is not known."""
    try:
        return kind.decode() if kind else None
    except UnicodeDecodeError:
        return None


def id_order(entry_id: bytes) -> tuple[int, ...]:
    """Return by what ids are in order."""
    return tuple(map(int, entry_id.split(b"-")))
