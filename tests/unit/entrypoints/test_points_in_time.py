"""Points in time, as people write them."""

from datetime import UTC, datetime, timedelta

import pytest

from qontract.entrypoints.points_in_time import point_in_time


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("30s", timedelta(seconds=30)),
        ("10m", timedelta(minutes=10)),
        ("2h", timedelta(hours=2)),
        ("3d", timedelta(days=3)),
        ("1w", timedelta(weeks=1)),
    ],
)
def test_a_number_with_a_unit_is_so_long_ago(text: str, ago: timedelta) -> None:
    before = datetime.now(UTC)
    assert before <= point_in_time(text) + ago <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-31T09:30:00Z", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31T09:30:00.5+01:00", datetime(2026, 1, 31, 8, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-01-31T09:30", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_in_utc(text: str, time: datetime) -> None:
    assert point_in_time(text) == time


@pytest.mark.parametrize(
    "text", ["", "m", "10", "-10m", "10 m", "1.5h", "yesterday", "٣m", "999999999w", "0001-01-01T00:00+01:00"]
)
def test_what_is_no_time_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="no time: write 10m"):
        point_in_time(text)
