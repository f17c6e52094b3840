"""Errors of Redis, as the event log's."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from qontract.application.ports.event_log import EventLogError, GoneError

_GONE = ("NOGROUP", "no such key")
_LONGEST = 300


@contextmanager
def translated() -> Iterator[None]:
    """Raise GoneError where a group or its stream is missing, and EventLogError for whatever else goes wrong."""
    try:
        yield
    except (RedisError, OSError) as error:
        text = f"{type(error).__name__}: {error}"[:_LONGEST]
        raise (GoneError if str(error).startswith(_GONE) else EventLogError)(text) from error
