"""What became of an event for one subscription, of facts that are seldom met together."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from qontract.domain.dead_letters import FailedAttempt
from qontract.domain.delivery_states import Beginning, DeliveryState, Held, Interest
from qontract.domain.explanations import DeliveryFacts, SubscriptionFinding, Verdict
from qontract.domain.subscriptions import Replica, SubscriptionView
from qontract.domain.verdicts import finding_of

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SOON, BEFORE = NOON + timedelta(minutes=1), NOON - timedelta(minutes=1)
ONE = SubscriptionView("crm", replicas=(Replica("one", 0.1, 1),), leader="one", alive_seconds=0.1)
FAILED = FailedAttempt(BEFORE, "ValueError: no")
LATER = Beginning(BEFORE, moved=False)
HELD = Held("7", "one", 2)


def found(event_type: str | None = "a.b", **state: Any) -> SubscriptionFinding:
    return finding_of(DeliveryFacts(NOON, event_type, ONE, DeliveryState(**state)))


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ({"is_kept": False, "is_read": True}, Verdict.SUBSCRIBED_LATER),
        ({"is_read": True}, Verdict.SUBSCRIBED_LATER),
        ({"is_read": False}, Verdict.NOT_READ_YET),
        ({"is_read": True, "held": HELD}, Verdict.IN_FLIGHT),
        ({"is_redriven": True}, Verdict.NOT_READ_YET),
    ],
    ids=str,
)
def test_a_place_that_begins_later_says_nothing_of_an_event_that_comes_all_the_same(
    state: dict[str, Any], verdict: Verdict
) -> None:
    assert found(later=LATER, **state).verdict is verdict


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"due": SOON}, "attempt 2 comes at 2026-01-31 12:01:00 UTC"),
        ({"due": BEFORE}, "attempt 2 is due"),
        ({"begun": BEFORE}, "attempt 2 has run since 2026-01-31 11:59:00 UTC"),
    ],
    ids=["to come", "due", "running"],
)
def test_an_attempt_comes_or_is_due_or_runs(more: dict[str, Any], says: str) -> None:
    retried = found(is_read=True, held=Held("7", "one", 2, (FAILED,), **more))
    assert retried.verdict is Verdict.RETRYING
    assert retried.reason == f"{says}; the last: ValueError: no"


def test_one_that_asks_for_no_type_at_all_does_not_want_it() -> None:
    unwanted = found(interest=Interest((), 3))
    assert (unwanted.verdict, unwanted.details["pattern"]) == (Verdict.NOT_WANTED, None)
    assert unwanted.reason.endswith("and it asks for none")
