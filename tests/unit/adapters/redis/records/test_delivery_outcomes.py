"""What is kept of how events ended, and what else somebody may have written there."""

import zlib
from datetime import UTC, datetime

import pytest

from qontract.adapters.redis.records.delivery_outcomes import decode_outcomes, encode_outcomes
from qontract.application.ports.event_log import Entry
from qontract.domain.dead_letters import FailedAttempt
from qontract.domain.delivery_outcomes import DeliveryOutcome, EndedDelivery

AT = datetime(2026, 1, 31, 9, 30, 0, 125000, tzinfo=UTC)
FAILED = FailedAttempt(AT, "ValueError: no")


def ended(key: str, outcome: DeliveryOutcome | None, *failures: FailedAttempt, seconds: float = 0) -> Entry:
    return Entry(key, b"", failures=failures, outcome=outcome, ended=AT.timestamp(), seconds=seconds)


def test_what_was_written_is_read() -> None:
    entries = [
        ended("1-0", DeliveryOutcome.HANDLED, FAILED, seconds=0.25),
        ended("2-0", None),
        ended("redriven/2-0", DeliveryOutcome.DEDUPLICATED),
        ended("3 unread after 7-0", DeliveryOutcome.EXPIRED),
    ]
    assert list(decode_outcomes(encode_outcomes(entries))) == [
        ("1-0", EndedDelivery(DeliveryOutcome.HANDLED, AT, 2, 0.25)),
        ("redriven/2-0", EndedDelivery(DeliveryOutcome.DEDUPLICATED, AT)),
        ("3 unread after 7-0", EndedDelivery(DeliveryOutcome.EXPIRED, AT)),
    ]


def test_of_what_was_not_wanted_nothing_is_kept() -> None:
    assert encode_outcomes([ended("1-0", None), ended("2-0", None)]) == b""


def test_two_hundred_that_came_together_take_a_kilobyte_or_two() -> None:
    entries = [ended(f"{1769851802000 + number // 3}-{number % 3}", DeliveryOutcome.HANDLED) for number in range(200)]
    assert len(encode_outcomes(entries)) < 2000


@pytest.mark.parametrize(
    "content",
    [b"", b"1-0 1 1 1 h", *map(zlib.compress, (b"", b"\xff", b"1-0 1 1 1 z", b"1-0 x 1 1 h", b"1-0 9e9 1 1 h"))],
)
def test_what_is_none_of_ours_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(decode_outcomes(content))


def test_a_time_that_no_clock_shows_is_refused() -> None:
    with pytest.raises(ValueError, match="no time"):
        list(decode_outcomes(zlib.compress(b"1-0 999999999999999999999 1 1 h")))


def test_what_would_fill_the_memory_is_not_unpacked_whole() -> None:
    bomb = zlib.compress(b"\n" * 2**26, 9)
    with pytest.raises(ValueError, match=r"."):
        list(decode_outcomes(bomb))
