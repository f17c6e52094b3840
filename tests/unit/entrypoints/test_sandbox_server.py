"""The limits of the rate that sandboxes keep."""

import pytest

from qontract.entrypoints.sandbox_server import Rate, RateLimits, whole_seconds
from tests.support.clock import Clock

TWICE_A_MINUTE = Rate(2, 60)


def test_without_a_speed_there_is_no_limit() -> None:
    limits = RateLimits()
    assert [limits.refused("writes", TWICE_A_MINUTE) for _ in range(9)] == [None] * 9


@pytest.mark.parametrize(("speed", "seconds"), [(1, 60), (60, 1), (600, 0.1)])
def test_what_is_too_much_is_refused_until_the_time_is_over(speed: float, seconds: float) -> None:
    clock = Clock(100.0)
    limits = RateLimits(speed, clock=clock)
    assert [limits.refused("writes", TWICE_A_MINUTE) for _ in range(2)] == [None, None]
    clock.now += seconds / 4
    assert limits.refused("writes", TWICE_A_MINUTE) == pytest.approx(seconds * 3 / 4)
    clock.now += seconds
    assert [limits.refused("writes", TWICE_A_MINUTE) for _ in range(2)] == [None, None]
    assert limits.refused("writes", TWICE_A_MINUTE) == pytest.approx(seconds)


def test_a_call_that_was_refused_is_not_counted() -> None:
    clock = Clock(100.0)
    limits = RateLimits(60, clock=clock)
    for _ in range(9):
        limits.refused("writes", TWICE_A_MINUTE)
    clock.now += 1
    assert [limits.refused("writes", TWICE_A_MINUTE) for _ in range(2)] == [None, None]


def test_each_has_a_limit_of_its_own() -> None:
    limits = RateLimits(60, clock=Clock(100.0))
    assert [limits.refused(name, TWICE_A_MINUTE) for name in "abab"] == [None] * 4


@pytest.mark.parametrize(("seconds", "header"), [(0, 1), (0.1, 1), (1, 1), (1.1, 2)])
def test_a_header_has_whole_seconds_and_not_too_few(seconds: float, header: int) -> None:
    assert whole_seconds(seconds) == header
