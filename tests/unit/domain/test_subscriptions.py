"""How well a subscription is, and why."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from qontract.domain.subscriptions import (
    ALIVE_SECONDS,
    BEHIND_SECONDS,
    Pause,
    Replica,
    State,
    SubscriptionView,
    duration,
    state_of,
)

READING = Replica("one", 0.2, 3)
RUN = SubscriptionView("s", lag=5, pending=3, replicas=(READING,), leader="one", alive_seconds=2)
SILENT = SubscriptionView("s", alive_seconds=1000)
PAUSE = Pause(datetime(2026, 1, 31, 12, tzinfo=UTC), "alice@sre")
WEEK = 7 * 24 * 3600


@pytest.mark.parametrize(
    ("view", "state", "reason"),
    [
        (RUN, State.RUNNING, "one leads it"),
        (replace(RUN, leader=""), State.RUNNING, "replicas share it"),
        (
            replace(RUN, oldest_seconds=BEHIND_SECONDS + 1),
            State.BEHIND,
            "its oldest event is 15 min 1 s old; none has failed: the handler is slow",
        ),
        (
            replace(RUN, oldest_seconds=7200, failing=2),
            State.BEHIND,
            "its oldest event is 2 h old; 2 wait for another attempt",
        ),
        (
            replace(RUN, leader="", replicas=(), oldest_seconds=7200),
            State.STANDING_BY,
            "a replica runs it, and none reads it; one takes the lease within seconds, or cannot",
        ),
        (SILENT, State.NO_REPLICA, "nobody has run it for 16 min 40 s"),
        (replace(SILENT, made=False), State.NO_REPLICA, "its place is lost, and nobody has run it for 16 min 40 s"),
        (replace(SILENT, alive_seconds=None), State.NO_REPLICA, "nobody has ever run it"),
        (
            replace(SILENT, alive_seconds=WEEK + 7200),
            State.ABANDONED,
            "nobody has run it for 7 d 2 h; events are no longer kept for it",
        ),
        (replace(RUN, leader="", paused=PAUSE), State.PAUSED, "by alice@sre since 2026-01-31 12:00:00 UTC"),
        (
            replace(RUN, paused=PAUSE),
            State.PAUSED,
            "by alice@sre since 2026-01-31 12:00:00 UTC; handlers at work finish",
        ),
        (
            replace(SILENT, alive_seconds=WEEK + 1, paused=Pause(None, "")),
            State.PAUSED,
            "by somebody; nobody runs it, and events are no longer kept for it",
        ),
    ],
)
def test_the_state_is_what_has_to_be_mended_first(view: SubscriptionView, state: State, reason: str) -> None:
    assert state_of(view, WEEK) == (state, reason)


def test_a_subscription_that_is_read_is_not_abandoned_though_nobody_shows_life() -> None:
    assert state_of(replace(RUN, alive_seconds=WEEK + 1), WEEK)[0] is State.RUNNING


def test_what_replicas_hold_counts_as_in_flight_while_they_live() -> None:
    dead = Replica("two", ALIVE_SECONDS + 1, 40)
    view = replace(RUN, leader="", replicas=(READING, dead))
    assert (view.in_flight, view.is_read, view.is_run) == (3, True, True)
    assert not replace(view, replicas=(dead,), alive_seconds=ALIVE_SECONDS + 1).is_run


@pytest.mark.parametrize(
    ("view", "busy"),
    [
        (RUN, "the replica one leads it"),
        (replace(RUN, leader=""), "a replica runs it"),
        (replace(RUN, leader="", alive_seconds=ALIVE_SECONDS + 1), ""),
        (replace(RUN, leader="", alive_seconds=None), ""),
    ],
    ids=["led", "run", "silent", "never run"],
)
def test_it_is_busy_while_a_replica_works_on_it_and_free_when_that_has_fallen_silent(
    view: SubscriptionView, busy: str
) -> None:
    assert view.busy == busy


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.9, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3601, "1 h"),
        (3661, "1 h 1 min"),
        (86_400, "1 d"),
        (90_061, "1 d 1 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
