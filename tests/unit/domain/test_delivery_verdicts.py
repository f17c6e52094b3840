"""What became of an event for one subscription, of facts that are seldom met together."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from qontract.domain.dead_letters import DeadLetter, Discarded, FailedAttempt, Redriven
from qontract.domain.delivery_outcomes import DeliveryOutcome, EndedDelivery
from qontract.domain.delivery_states import DeliveryState, PendingEntry, SubscriptionFilter, SubscriptionStart
from qontract.domain.delivery_verdicts import explain_delivery
from qontract.domain.explanations import DeliveryFacts, Predecessor, SubscriptionFinding, Verdict
from qontract.domain.subscriptions import Pause, Replica, SubscriptionView

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SOON, BEFORE = NOON + timedelta(minutes=1), NOON - timedelta(minutes=1)
ONE = SubscriptionView("crm", replicas=(Replica("one", 0.1, 1),), leader="one", alive_seconds=0.1)
FAILED = FailedAttempt(BEFORE, "ValueError: no")
LATER = SubscriptionStart(BEFORE, moved=False)
HELD = PendingEntry("7", "one", 2)


def found(event_type: str | None = "a.b", **state: Any) -> SubscriptionFinding:
    return explain_delivery(DeliveryFacts(NOON, event_type, ONE, DeliveryState(**state)))


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ({"is_kept": False, "is_read": True}, Verdict.SUBSCRIBED_LATER),
        ({"is_read": True}, Verdict.SUBSCRIBED_LATER),
        ({"is_read": False}, Verdict.NOT_READ_YET),
        ({"is_read": True, "pending": HELD}, Verdict.IN_FLIGHT),
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
    retried = found(is_read=True, pending=PendingEntry("7", "one", 2, (FAILED,), **more))
    assert retried.verdict is Verdict.RETRYING
    assert retried.reason == f"{says}; the last: ValueError: no"


def test_one_that_asks_for_no_type_at_all_does_not_want_it() -> None:
    unwanted = found(wanted=SubscriptionFilter((), 3))
    assert (unwanted.verdict, unwanted.details["pattern"]) == (Verdict.NOT_WANTED, None)
    assert unwanted.reason.endswith("and it asks for none")


def with_facts(state: DeliveryState, **facts: Any) -> SubscriptionFinding:
    return explain_delivery(replace(DeliveryFacts(NOON, "a.b", ONE, state), **facts))


HANDLED = EndedDelivery(DeliveryOutcome.HANDLED, NOON, 1, 0.5)


@pytest.mark.parametrize(("by", "said"), [("alice", "alice"), ("", "somebody")])
def test_who_redrove_discarded_or_paused_is_named_if_it_is_known(by: str, said: str) -> None:
    redriven = with_facts(DeliveryState(is_redriven=True), redriven=Redriven(BEFORE, by))
    assert redriven.reason.endswith(f"; redriven at 2026-01-31 11:59:00 UTC by {said}")
    assert (redriven.details["redriven"], redriven.details["redriven_by"]) == ("2026-01-31T11:59:00.000+00:00", said)
    discarded = with_facts(DeliveryState(is_read=True), discarded=Discarded(NOON, by, 3, BEFORE, "ValueError: no"))
    assert f"; {said} discarded the letter at 2026-01-31 12:00:00 UTC" in discarded.reason
    paused = with_facts(DeliveryState(), view=replace(ONE, paused=Pause(None, by)))
    assert (paused.verdict, paused.reason) == (Verdict.PAUSED, f"by {said}")


@pytest.mark.parametrize(("failed", "when"), [(BEFORE, "11:59"), (None, "12:01")])
def test_a_discarded_letter_is_of_when_its_last_attempt_failed_else_of_when_it_was_discarded(
    failed: datetime | None, when: str
) -> None:
    gone = Discarded(SOON, "alice", 3, failed, "ValueError: no")
    seen = with_facts(DeliveryState(is_read=True), discarded=gone)
    assert (seen.verdict, seen.details["when"]) == (Verdict.DEAD_LETTERED, f"2026-01-31T{when}:00.000+00:00")


def test_a_letter_that_does_not_say_when_it_died_counts_more_than_that_it_was_handled() -> None:
    letter = DeadLetter("7", "crm", b"{}", (), "1", unreadable="no JSON")
    assert with_facts(DeliveryState(is_read=True, ended=HANDLED), letter=letter).verdict is Verdict.DEAD_LETTERED


@pytest.mark.parametrize(
    ("state", "again"),
    [({"is_read": True}, False), ({"is_read": False}, True), ({"is_read": True, "pending": HELD}, True)],
)
def test_what_was_handled_comes_again_if_it_is_pending_or_to_be_read(state: dict[str, Any], *, again: bool) -> None:
    seen = found(ended=HANDLED, **state)
    assert (seen.verdict, seen.reason.endswith("in 0.5 s; it comes again")) == (Verdict.HANDLED, again)


@pytest.mark.parametrize(("due", "end"), [(SOON, ", and is tried again at 2026-01-31 12:01:00 UTC"), (BEFORE, "")])
def test_of_what_comes_first_it_is_said_how_often_it_failed_and_when_it_is_tried_again(due: datetime, end: str) -> None:
    first = Predecessor(PendingEntry("6", "one", 2, (FAILED,), due), "e-6")
    seen = with_facts(DeliveryState(is_read=True, pending=HELD), predecessor=first)
    assert seen.reason == f"event e-6 of its order key comes first; one holds it; it failed 1 time{end}"


def test_what_the_handler_asked_to_be_retried_later_has_no_error() -> None:
    assert found(is_read=True, pending=PendingEntry("7", "one", 2, due=SOON)).reason.endswith(
        "; the last: the handler asked for it to be retried later"
    )


@pytest.mark.parametrize(("more", "end"), [(True, "comes first, as far as was looked at"), (False, "comes first")])
def test_an_event_in_flight_says_how_far_others_of_its_order_key_were_looked_for(*, more: bool, end: str) -> None:
    assert found(is_read=True, pending=HELD, ahead_more=more).reason.endswith(end)


def test_what_was_removed_says_what_to_look_for() -> None:
    gone = found(is_kept=False, is_read=True)
    assert (gone.verdict, str(gone.next)[:32]) == (Verdict.EXPIRED, "look for XTRIM, XDEL and DEL by ")
