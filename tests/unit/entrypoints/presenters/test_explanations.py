"""A explanation as lines and as an exit code."""

from datetime import UTC, datetime

import pytest

from qontract.domain.explanations import EventExplanation, EventStatus, SubscriptionFinding, Verdict
from qontract.domain.kept_events import KeptEvent
from qontract.entrypoints.presenters.explanations import exit_code, lines, record

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def explanation(*verdicts: Verdict, status: EventStatus = EventStatus.PUBLISHED) -> EventExplanation:
    return EventExplanation(
        status, "why", findings=tuple(SubscriptionFinding("s", verdict, "so") for verdict in verdicts)
    )


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ((), 0),
        ((Verdict.HANDLED, Verdict.NOT_WANTED, Verdict.DEDUPLICATED, Verdict.SUBSCRIBED_LATER), 0),
        ((Verdict.HANDLED, Verdict.RETRYING), 3),
        ((Verdict.UNKNOWN, Verdict.PAUSED), 1),
        ((Verdict.UNKNOWN, Verdict.PAUSED, Verdict.DEAD_LETTERED), 4),
        ((Verdict.EXPIRED,), 4),
    ],
    ids=["none", "done", "waits", "unknown", "dead", "expired"],
)
def test_the_exit_code_is_of_what_is_worst(verdicts: tuple[Verdict, ...], code: int) -> None:
    assert exit_code(explanation(*verdicts)) == code


@pytest.mark.parametrize(
    ("status", "code"), [(EventStatus.SPOOLED_ON, 3), (EventStatus.INTENT_PENDING, 3), (EventStatus.ACTION_FAILED, 4)]
)
def test_what_is_not_published_waits_or_was_given_up(status: EventStatus, code: int) -> None:
    assert exit_code(explanation(status=status)) == code


def test_every_verdict_is_done_waits_is_given_up_or_is_not_known() -> None:
    done = {Verdict.HANDLED, Verdict.NOT_WANTED, Verdict.DEDUPLICATED, Verdict.SUBSCRIBED_LATER, Verdict.UNKNOWN}
    assert {one for one in Verdict if not one.waits and not one.is_given_up} == done


def test_the_lines_say_all_of_it_and_only_what_a_terminal_shows() -> None:
    event = KeptEvent("1-0", NOON, b'{"id": "7", "type": "a.b\\u001b[2J", "authid": "alice", "reason": "on call"}')
    found = SubscriptionFinding("crm", Verdict.RETRYING, "no\nsuch", "fix it", {"attempt": 2}, ("outcomes: away",))
    made = EventExplanation(EventStatus.PUBLISHED, "as entry 1-0", event, "1-0", None, (found,), ("letters: away",))
    assert list(lines(made)) == [
        "id         7",
        r"type       a.b\u001b[2J",
        "subject    -",
        "source     -",
        "asked by   alice",
        "reason     on call",
        "published  as entry 1-0",
        "",
        "crm: retrying",
        r"  no\nsuch",
        "  next: fix it",
        "  not read: outcomes: away",
        "",
        "not read: letters: away",
    ]
    assert record(made)["subscriptions"] == [
        {
            "name": "crm",
            "verdict": "retrying",
            "reason": "no\nsuch",
            "next": "fix it",
            "details": {"attempt": 2},
            "missing": ["outcomes: away"],
        }
    ]
