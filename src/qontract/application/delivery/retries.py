"""What follows a failed attempt: another one after a backoff, or a dead letter. Pure."""

from asyncio import CancelledError
from dataclasses import dataclass
from traceback import walk_tb

from qontract.application.ports.event_handler import Policy, Reject, RetryLater
from qontract.domain.failure_causes import REJECTED, TIMED_OUT, Cause, Frame, where_raised

SOONEST_RETRY = 0.1
"""The shortest wait in seconds: a handler that asks for a retry at once must not be called in an endless loop."""

_MAX_LINE_LENGTH = 500


@dataclass(frozen=True)
class Retry:
    """Try again after so many seconds. `failure` is the error in one line; None if the attempt does not count."""

    seconds: float
    failure: str | None


@dataclass(frozen=True)
class GiveUp:
    """Dead-letter the event. `failure` says why."""

    failure: str


def decide_retry(error: BaseException, failures: int, policy: Policy, chance: float) -> Retry | GiveUp:
    """Decide what follows, from the error and from how many attempts had failed before.

    `chance`, from 0 to 1, shortens the backoff by up to half.
    """
    if isinstance(error, RetryLater):
        return Retry(max(error.seconds, SOONEST_RETRY), None)
    if isinstance(error, Reject):
        return GiveUp(f"rejected by the handler: {_text(error)}")
    if failures + 1 >= policy.max_attempts:
        return GiveUp(describe_error(error))
    doubled = policy.backoff * 2.0 ** min(failures, 100)
    return Retry(min(policy.max_backoff, doubled) * (1 - chance / 2), describe_error(error))


def describe_error(error: BaseException) -> str:
    """Return one line about an exception, even if its `__str__` raises."""
    return " ".join(f"{type(error).__name__}: {_text(error)}".split())[:_MAX_LINE_LENGTH]


def cause_of(error: BaseException, home: str) -> Cause:
    """Return the cause of an error that a handler raised. `home` is the module of the handler's class."""
    where = where_raised(_places(error), home)
    if isinstance(error, Reject):
        return Cause(REJECTED, where)
    if isinstance(error, TimeoutError) and not where and isinstance(error.__cause__, CancelledError):
        return Cause(TIMED_OUT, where_raised(_places(error.__cause__), home))
    kind = type(error)
    return Cause(
        kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}", where
    )


def _places(error: BaseException) -> list[Frame]:
    return [
        Frame(str(frame.f_globals.get("__name__", "")), frame.f_code.co_qualname, line)
        for frame, line in walk_tb(error.__traceback__)
    ]


def _text(error: BaseException) -> str:
    try:
        return str(error)[:_MAX_LINE_LENGTH]
    except BaseException as worse:  # noqa: BLE001 - an author's __str__ may raise anything
        return f"(its text raised {type(worse).__name__})"
