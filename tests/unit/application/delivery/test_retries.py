"""What becomes of an event after an attempt that did not return."""

import asyncio

import pytest

from qontract.application.delivery.retries import GiveUp, Retry, cause_of, decide_retry, describe_error
from qontract.application.ports.event_handler import Policy, Reject, RetryLater
from qontract.domain.failure_causes import Cause

POLICY = Policy(max_attempts=5, backoff=2, max_backoff=9)
ERROR = ValueError("wrong")


class Unspeakable(Exception):  # noqa: N818 - it is no error of ours
    def __str__(self) -> str:
        raise SystemExit


@pytest.mark.parametrize(("failures", "seconds"), [(0, 2), (1, 4), (2, 8), (3, 9)])
def test_the_backoff_doubles_for_each_failure_up_to_its_maximum(failures: int, seconds: float) -> None:
    assert decide_retry(ERROR, failures, POLICY, chance=0) == Retry(seconds, "ValueError: wrong")


def test_chance_leaves_out_up_to_half_of_the_backoff() -> None:
    assert decide_retry(ERROR, 0, POLICY, chance=1) == Retry(1, "ValueError: wrong")


def test_the_last_attempt_makes_a_dead_letter() -> None:
    assert decide_retry(ERROR, 4, POLICY, chance=0) == GiveUp("ValueError: wrong")


def test_an_event_that_is_rejected_is_a_dead_letter_at_the_first_attempt() -> None:
    assert decide_retry(Reject("no such team"), 0, POLICY, chance=0) == GiveUp("rejected by the handler: no such team")


def test_an_event_that_is_to_be_retried_later_has_not_failed_however_often_it_had() -> None:
    assert decide_retry(RetryLater(7), 4, POLICY, chance=1) == Retry(7, None)


@pytest.mark.parametrize("seconds", [0, -5, 0.001])
def test_a_retry_at_once_waits_for_a_moment(seconds: float) -> None:
    assert decide_retry(RetryLater(seconds), 0, POLICY, chance=0) == Retry(0.1, None)


def test_any_number_of_failures_has_a_backoff() -> None:
    assert decide_retry(ERROR, 5_000, Policy(max_attempts=10_000), chance=0) == Retry(300, "ValueError: wrong")


def test_a_failure_is_one_line_of_bounded_length() -> None:
    line = describe_error(RuntimeError("first\n  second\t" + "x" * 2_000))
    assert line.startswith("RuntimeError: first second xxx")
    assert len(line) == 500


def test_an_error_whose_text_cannot_be_had_is_described_all_the_same() -> None:
    assert describe_error(Unspeakable()) == "Unspeakable: (its text raised SystemExit)"


def raised(error: BaseException) -> BaseException:
    try:
        raise error  # noqa: TRY301 - it has to be raised somewhere
    except BaseException as caught:  # noqa: BLE001 - that is what it is for
        return caught


class Inner(Exception):  # noqa: N818 - as above
    pass


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("7"), "ValueError"),
        (Inner("7"), f"{__name__}.Inner"),
        (Unspeakable(), f"{__name__}.Unspeakable"),
        (Reject("7"), "rejected"),
        (TimeoutError("its own"), "TimeoutError"),
        (asyncio.CancelledError(), "asyncio.exceptions.CancelledError"),
    ],
)
def test_the_cause_is_the_type_of_the_error_and_where_it_was_raised(error: BaseException, kind: str) -> None:
    cause = cause_of(raised(error), __name__)
    assert cause == Cause(kind, f"{__name__}.raised:{raised.__code__.co_firstlineno + 2}")


def test_an_error_that_was_never_raised_has_a_cause_without_a_place() -> None:
    assert cause_of(ValueError("7"), __name__) == Cause("ValueError")


def test_only_a_time_out_of_ours_is_told_by_where_the_handler_was_cancelled() -> None:
    cancelled, ours, another = raised(asyncio.CancelledError()), TimeoutError(), ValueError("7")
    ours.__cause__ = another.__cause__ = cancelled
    assert cause_of(ours, __name__) == Cause("timed out", f"{__name__}.raised:{raised.__code__.co_firstlineno + 2}")
    assert cause_of(another, __name__) == Cause("ValueError")
