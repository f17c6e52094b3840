"""A result, ordered for a review."""

from typing import Any

import pytest

from qontract.domain.slack_usergroups import CreateUsergroup, UpdateUsers
from qontract.entrypoints.client.review import Review, review


def action(subject: str, action_type: str = "change", **more: Any) -> dict[str, Any]:
    return {"action_type": action_type, "subject": subject, "summary": "", "creates": False, "removes": []} | more


def reviewed(*actions: dict[str, Any], applied: tuple[dict[str, Any], ...] = (), **more: Any) -> Review:
    result = {"status": "success", "actions": actions, "applied_actions": applied, "errors": (), **more}
    return review(result, apply=bool(applied))


CREATE = action("one/a", "create", creates=True)
REMOVE = action("one/b", removes=["alice", "bob"])
DELETE = action("two/c", "delete", removes=["alice", "carol"])
CHANGE = action("two/d")


def test_changes_are_grouped_by_scope_in_the_order_of_the_plan() -> None:
    scopes = reviewed(CREATE, CHANGE, REMOVE, action("whole")).scopes
    assert {scope: [change.subject for change in changes] for scope, changes in scopes.items()} == {
        "one": ["a", "b"],
        "two": ["d"],
        "": ["whole"],
    }


@pytest.mark.parametrize(
    ("planned", "mark"),
    [(CREATE, "+"), (REMOVE, "-"), (DELETE, "-"), (action("x/y", "delete_team"), "-"), (CHANGE, "~")],
)
def test_what_creates_takes_away_or_changes_has_its_mark(planned: dict[str, Any], mark: str) -> None:
    (changes,) = reviewed(planned).scopes.values()
    assert [change.mark for change in changes] == [mark]


def test_the_summary_counts_what_is_to_be_done_and_each_person_of_a_scope_once() -> None:
    again = action("one/e", removes=["alice"])
    assert reviewed(CREATE, REMOVE, again, DELETE, CHANGE).summary == (
        "1 to create, 3 to change, 1 to delete, 4 people removed"
    )
    assert reviewed(again).summary == "1 to change, 1 person removed"


def test_the_summary_of_what_was_applied_counts_that_and_what_was_not() -> None:
    assert reviewed(CREATE, REMOVE, DELETE, applied=(CREATE, REMOVE)).summary == (
        "1 created, 1 changed, 2 people removed, 1 not applied"
    )


def test_what_a_result_leaves_out_is_said() -> None:
    shown = reviewed(CHANGE, actions_left_out=7, errors_left_out=2)
    assert shown.summary == "1 to change, and 7 more actions, not listed"
    assert shown.errors == ["and 2 more errors, not listed"]


def test_an_action_of_an_older_api_is_a_change() -> None:
    assert reviewed({"action_type": "x", "subject": "y", "summary": "z"}).summary == "1 to change"


def test_an_action_says_in_a_result_whether_it_creates_and_whom_it_removes() -> None:
    create = CreateUsergroup(
        workspace="acme", usergroup="a", description="", users=(), user_ids=(), channels=(), channel_ids=()
    )
    update = UpdateUsers(
        workspace="acme",
        usergroup="b",
        usergroup_id="S1",
        users=(),
        user_ids=(),
        users_to_add=(),
        users_to_remove=("bob",),
    )
    (changes,) = reviewed(create.shown(), update.shown()).scopes.values()
    assert [(change.mark, change.removes) for change in changes] == [("+", []), ("-", ["bob"])]
