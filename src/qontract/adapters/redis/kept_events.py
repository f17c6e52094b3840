"""Redis: the stream, as somebody looks at it who is in no group."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import redis

from qontract.adapters.redis.connections import client
from qontract.adapters.redis.errors import translate_stream_errors
from qontract.adapters.redis.records.entries import content_of_fields
from qontract.adapters.unreadable_values import excerpt
from qontract.application.ports.kept_events import KeptEvents, KeptEventsError, Span
from qontract.domain.kept_events import KeptEvent

ENTRY_ID = re.compile("([0-9]{1,20})-([0-9]{1,20})")
"""A whole id: half of one would be a range to Redis."""
_MAX_NUMBER = 2**64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


class RedisKeptEvents(KeptEvents):
    """The `stream`, on connections of its own; "" if no event is kept.

    `timeout` bounds connecting and each answer, in seconds. An entry's id begins with the time at which it was kept,
    by the clock of the server.
    """

    def __init__(self, url: str, *, stream: str, timeout: float = 5.0) -> None:
        self._stream = stream
        self._redis = client(url, timeout=timeout)

    def page(self, span: Span, count: int) -> Sequence[KeptEvent]:
        """Read a range of the stream."""
        if span.after and not is_entry_id(span.after):
            raise ValueError(f"{excerpt(span.after)}: no entry of the stream")
        lowest = "-" if span.since is None else str(milliseconds(span.since))
        highest = "+" if span.until is None else str(milliseconds(span.until))
        with translate_stream_errors(KeptEventsError, self._stream):
            if span.newest_first:
                highest = f"({span.after}" if span.after else highest
                found: Any = span.after != "0-0" and self._redis.xrevrange(self._stream, highest, lowest, count=count)
            else:
                lowest = f"({span.after}" if span.after else lowest
                last = f"{_MAX_NUMBER - 1}-{_MAX_NUMBER - 1}"
                found = span.after != last and self._redis.xrange(self._stream, lowest, highest, count=count)
        return [_event(*entry) for entry in found or ()]

    def newest(self) -> str:
        """Return the last id that the stream gave, which outlives its entry."""
        with translate_stream_errors(KeptEventsError, self._stream):
            try:
                info: Any = self._redis.xinfo_stream(self._stream)
            except redis.ResponseError as error:
                if "no such key" not in str(error):
                    raise
                return "0-0"
        return str(info["last-generated-id"].decode())

    def get(self, entry: str) -> KeptEvent | None:
        """Read one entry."""
        with translate_stream_errors(KeptEventsError, self._stream):
            found: Any = is_entry_id(entry) and self._redis.xrange(self._stream, entry, entry)
        return _event(*found[0]) if found else None


def is_entry_id(text: str) -> bool:
    """Say whether an entry of a stream may have this id."""
    match = ENTRY_ID.fullmatch(text)
    return match is not None and all(int(number) < _MAX_NUMBER for number in match.groups())


def milliseconds(time: datetime) -> int:
    """Return with which number the ids of this time begin."""
    return max(0, (time - _EPOCH) // timedelta(milliseconds=1))


def time_of(entry_id: str) -> datetime:
    """Return when an entry was kept; of a time that has no date, the last one that has."""
    return _EPOCH + timedelta(milliseconds=min(int(entry_id.partition("-")[0]), _LATEST_MS))


def _event(entry_id: bytes, fields: dict[bytes, bytes]) -> KeptEvent:
    text = entry_id.decode()
    return KeptEvent(text, time_of(text), content_of_fields(fields))
