"""Points in time, as people write them."""

import re
from datetime import UTC, datetime, timedelta

_AGO = re.compile(r"([0-9]{1,9})(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def point_in_time(text: str) -> datetime:
    """Return the time that is meant: `10m` is ten minutes ago (s, m, h, d, w); anything else is ISO 8601, or RFC 3339.

    A time without a zone is in UTC. Raises ValueError, in one line.
    """
    try:
        if ago := _AGO.fullmatch(text):
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("no time: write 10m (s, m, h, d, w), or 2026-01-31T09:30:00Z") from None
