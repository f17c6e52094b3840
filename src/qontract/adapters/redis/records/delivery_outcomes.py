"""What Redis keeps of how events ended: one entry of a stream for each acknowledgement, with what ended by it.

A line for each event: its key, when it ended and how long its last attempt took, in milliseconds, how many attempts it
had, and how it ended. Lines of 200 events that came together are a kilobyte when they are compressed.
"""

import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from qontract.adapters.unreadable_values import excerpt
from qontract.application.ports.event_log import Entry
from qontract.domain.delivery_outcomes import DeliveryOutcome, EndedDelivery

_MAX_LENGTH = 16 * 2**20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = {DeliveryOutcome.HANDLED: "h", DeliveryOutcome.DEDUPLICATED: "d", DeliveryOutcome.EXPIRED: "x"}
_OUTCOMES = {word: outcome for outcome, word in _WORDS.items()}


def encode_outcomes(entries: Iterable[Entry]) -> bytes:
    """Return what is to be kept of entries that end together; b"" if it is nothing. It is on the way of every event."""
    lines = [
        f"{each.key} {each.ended * 1000:.0f} {each.seconds * 1000:.0f} {len(each.failures) + 1} {_WORDS[each.outcome]}"
        for each in entries
        if each.outcome
    ]
    return zlib.compress("\n".join(lines).encode(), 1) if lines else b""


def decode_outcomes(content: bytes) -> Iterator[tuple[str, EndedDelivery]]:
    """Yield keys, and how these entries ended. Raises ValueError for what is none of ours."""
    try:
        text = zlib.decompressobj().decompress(content, _MAX_LENGTH).decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise ValueError(excerpt(f"{type(error).__name__}: {error}")) from error
    for line in text.split("\n"):
        key, ended, took, attempts, word = line.rsplit(" ", 4)
        outcome = _OUTCOMES.get(word)
        if outcome is None:
            raise ValueError(f"no outcome: {excerpt(word)}")
        was_run = outcome is DeliveryOutcome.HANDLED
        yield key, EndedDelivery(outcome, _time(int(ended)), int(attempts) * was_run, int(took) / 1000 * was_run)


def _time(milliseconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError as error:
        raise ValueError(f"no time: {error}") from error
