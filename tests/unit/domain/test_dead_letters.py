"""What a dead letter can tell of its event, and which of them have a cause in common."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from qontract.domain.dead_letters import DeadLetter, FailedAttempt, group_id, groups_of
from qontract.domain.failure_causes import Cause

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
CAUSE = Cause("ValueError", "acme.crm.Crm.handle:31")


def letter(data: bytes) -> DeadLetter:
    return DeadLetter("1-1", "s", data, (), "1-1")


def test_it_tells_the_type_the_subject_and_the_id_of_the_event() -> None:
    known = letter(json.dumps({"id": "7", "type": "a.b", "subject": "coreos/team-ä"}).encode())
    assert (known.type, known.subject, known.event_id) == ("a.b", "coreos/team-ä", "7")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not json",
        b"\xff\xfe\xfd",
        b"\x89BIN",
        b"null",
        b"[1]",
        b'"text"',
        b"{}",
        b'{"type": 1, "subject": null, "id": []}',
        b"[" * 100_000,
        b'{"id": ' + b"9" * 10_000 + b"}",
    ],
)
def test_bytes_that_tell_nothing_have_no_type_no_subject_and_no_id(data: bytes) -> None:
    unknown = letter(data)
    assert (unknown.type, unknown.subject, unknown.event_id) == (None, None, None)


def test_an_event_that_is_not_valid_still_tells_what_it_can() -> None:
    invalid = letter(b'{"type": "a.b", "specversion": "9.9"}')
    assert (invalid.type, invalid.subject, invalid.event_id) == ("a.b", None, None)


def test_a_type_or_subject_of_any_length_is_cut_and_the_event_stays_whole() -> None:
    known = letter(json.dumps({"type": "a" * 100_000, "subject": "b" * 100_000}).encode())
    assert (known.type, known.subject) == ("a" * 2000, "b" * 2000)
    assert len(known.data) > 200_000


def died(number: int, *failures: FailedAttempt, subscription: str = "s", unreadable: str = "") -> DeadLetter:
    return DeadLetter(f"{number}-0", subscription, b'{"type": "a.b"}', failures, "1-1", unreadable)


def failed(minute: int, error: str = "ValueError: no", cause: Cause | None = CAUSE) -> FailedAttempt:
    return FailedAttempt(NOON + timedelta(minutes=minute), error, cause)


def test_letters_of_one_cause_are_one_group_whatever_the_words_of_their_errors() -> None:
    letters = [died(number, failed(0), failed(number, f"ValueError: person {number}")) for number in (3, 1, 2)]
    [group] = groups_of(letters)
    assert (group.subscription, group.cause, group.count) == ("s", CAUSE, 3)
    assert (group.first, group.last) == (NOON + timedelta(minutes=1), NOON + timedelta(minutes=3))
    assert (group.example, group.error, group.type) == ("3-0", "ValueError: person 3", "a.b")
    assert group.id == letters[0].group == group_id("s", CAUSE)


def test_what_is_of_another_subscription_type_of_error_or_place_is_of_another_group() -> None:
    letters = [
        died(1, failed(1)),
        died(2, failed(1), subscription="other"),
        died(3, failed(1, cause=Cause("KeyError", CAUSE.where))),
        died(4, failed(1, cause=Cause("ValueError", "acme.crm.Crm.handle:32"))),
        died(5, failed(1), failed(2, "the replica ended during the attempt", None)),
        died(6, failed(1), unreadable="failures: nested too deeply"),
        died(7),
        died(8, failed(1)),
    ]
    groups = groups_of(iter(letters))
    assert groups[0].cause == CAUSE
    assert [group.count for group in groups] == [2, 1, 1, 1, 1, 1, 1]
    assert {str(group.cause) for group in groups[4:]} == {"replica died", "unreadable letter", "unknown"}


def test_the_largest_group_comes_first_though_a_smaller_one_is_older() -> None:
    groups = groups_of([died(1, failed(1), subscription="small"), died(2, failed(2)), died(3, failed(3))])
    assert [(group.subscription, group.count) for group in groups] == [("s", 2), ("small", 1)]


def test_the_id_of_a_group_is_the_same_in_each_process_and_version() -> None:
    assert group_id("crm", CAUSE) == "5ec8c97c2d"


def test_parts_of_a_cause_cannot_be_moved_to_make_another_group_of_the_same_id() -> None:
    assert group_id("s", Cause("a", "b")) != group_id("s", Cause("ab", ""))
