"""Errors of Redis, as the ports'."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError, ResponseError

from qontract.adapters.unreadable_values import excerpt
from qontract.application.ports.event_log import EventLogError, PlaceLostError

_GONE = ("NOGROUP", "no such key")


class RefusedError(EventLogError):
    """Redis is there, and refused: it will again, until what is wrong with the key, or the user's rights, is fixed."""


@contextmanager
def translate_stream_errors(error_class: type[Exception], stream: str) -> Iterator[None]:
    """Raise the error of a port for whatever goes wrong in Redis, and where no stream keeps events."""
    if not stream:
        raise error_class("no event is kept: QAPI_EVENTS__STREAM is empty")
    with translate_errors(error_class):
        yield


@contextmanager
def translate_errors(error_class: type[Exception]) -> Iterator[None]:
    """Raise the error of a port for whatever goes wrong in Redis."""
    try:
        yield
    except (RedisError, OSError) as error:
        text = excerpt(f"{type(error).__name__}: {error}")
        raise error_class(f"Redis refused or did not answer: {text}") from error


@contextmanager
def translate_event_log_errors() -> Iterator[None]:
    """Raise PlaceLostError where a group or its stream is missing, and EventLogError for whatever else goes wrong.

    Of these, what Redis itself refused is a RefusedError.
    """
    try:
        yield
    except (RedisError, OSError) as error:
        text = excerpt(f"{type(error).__name__}: {error}")
        kind = RefusedError if isinstance(error, ResponseError) else EventLogError
        raise (PlaceLostError if str(error).startswith(_GONE) else kind)(text) from error
