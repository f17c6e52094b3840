"""Finding dead letters, and changing those that were found."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from qontract.adapters.memory import InMemoryDeadLetters
from qontract.application.control.dead_letters import apply_to_each, find
from qontract.application.ports.dead_letters import DeadLettersError
from qontract.domain.dead_letters import DeadLetter, FailedAttempt


def letter(
    id_: str, subscription: str = "s", type_: str = "a.b", subject: str | None = "x/y", *ages: float
) -> DeadLetter:
    failures = tuple(FailedAttempt(datetime.now(UTC) - timedelta(seconds=age), "no") for age in ages)
    data = json.dumps({"id": id_, "type": type_, "subject": subject}).encode()
    return DeadLetter(id_, subscription, data, failures, "1-1")


LETTERS = (
    letter("1", "audit-log", "a.b", "coreos/team-a", 7200, 3600),
    letter("2", "slack", "a.b", "coreos/team-b", 7200, 1800),
    letter("3", "slack", "a.c", "coreos/team-a", 5),
    letter("4", "slack", "x.y.z", None, 5),
    DeadLetter("5", "slack", b"\xff", (), "1-1"),
)


def found(**conditions: Any) -> list[str]:
    return [letter.id for letter in find(InMemoryDeadLetters(*LETTERS), **conditions)]


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ({}, "12345"),
        ({"subscription": "slack"}, "2345"),
        ({"subscription": "sla"}, ""),
        ({"subscription": ""}, ""),
        ({"event_type": "a.b"}, "12"),
        ({"event_type": "a.*"}, "123"),
        ({"event_type": "*"}, "1234"),
        ({"event_type": "x.*.z"}, "4"),
        ({"event_type": "a"}, ""),
        ({"event_type": "a?b"}, ""),
        ({"event_type": "[a-z].b"}, ""),
        ({"event_type": ""}, ""),
        ({"subject": "coreos/team-a"}, "13"),
        ({"subject": "coreos/*"}, ""),
        ({"subject": ""}, ""),
        ({"older_than": 0}, "12345"),
        ({"older_than": 900}, "12"),
        ({"older_than": 2700}, "1"),
        ({"older_than": 7000}, ""),
        ({"group": LETTERS[0].group}, "1"),
        ({"group": "none"}, ""),
        ({"subscription": "slack", "event_type": "a.*", "subject": "coreos/team-b", "older_than": 900}, "2"),
    ],
)
def test_a_letter_is_found_if_it_meets_every_condition(conditions: dict[str, Any], ids: str) -> None:
    assert found(**conditions) == list(ids)


def test_a_pattern_matches_a_type_with_a_line_break() -> None:
    odd = letter("1", type_="a\n.b")
    assert list(find(InMemoryDeadLetters(odd), event_type="a*b")) == [odd]


def test_a_dry_run_shows_which_and_changes_nothing() -> None:
    store = InMemoryDeadLetters(*LETTERS)
    shown = list(apply_to_each(store.redrive, find(store, subscription="slack"), dry_run=True))
    assert [letter.id for letter in shown] == list("2345")
    assert list(store.iterate()) == list(LETTERS)
    assert store.waiting == {}


def test_only_what_was_found_is_redriven_and_the_dry_run_had_said_which() -> None:
    store = InMemoryDeadLetters(*LETTERS)
    foretold = list(apply_to_each(store.redrive, find(store, event_type="a.*"), dry_run=True))
    assert list(apply_to_each(store.redrive, find(store, event_type="a.*"))) == foretold
    assert store.waiting == {"audit-log": [LETTERS[0].data], "slack": [LETTERS[1].data, LETTERS[2].data]}
    assert [letter.id for letter in store.iterate()] == list("45")


def test_only_what_was_found_is_discarded() -> None:
    store = InMemoryDeadLetters(*LETTERS)
    assert [letter.id for letter in apply_to_each(store.discard, find(store, subject="coreos/team-a"))] == list("13")
    assert [letter.id for letter in store.iterate()] == list("245")
    assert store.waiting == {}


def test_a_letter_that_somebody_else_redrove_meanwhile_is_not_among_those_done() -> None:
    store = InMemoryDeadLetters(*LETTERS[:3])
    letters = list(store.iterate())
    store.redrive("2")
    assert [letter.id for letter in apply_to_each(store.redrive, letters)] == ["1", "3"]
    assert sum(map(len, store.waiting.values())) == 3


def test_what_was_yielded_before_an_error_is_done_and_the_rest_is_as_it_was() -> None:
    store = InMemoryDeadLetters(*LETTERS[:3])

    def failing_at_the_second(letter_id: str) -> bool:
        if letter_id == "2":
            raise DeadLettersError("away")
        return store.redrive(letter_id)

    changes = apply_to_each(failing_at_the_second, find(store))
    assert next(changes).id == "1"
    with pytest.raises(DeadLettersError, match="away"):
        next(changes)
    assert [letter.id for letter in store.iterate()] == ["2", "3"]
