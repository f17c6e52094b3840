"""What a person is shown of a result."""

import io
from typing import Any

import pytest
from rich.console import Console

from qontract.entrypoints.client.report import show

CREATE = {
    "action_type": "create",
    "subject": "coreos/team-a",
    "summary": "“The people of team A” +alice #team-a",
    "creates": True,
    "removes": [],
}
UPDATE = {
    "action_type": "update_users",
    "subject": "coreos/team-b",
    "summary": "+carol -bob",
    "creates": False,
    "removes": ["bob"],
}
RENAME = {"action_type": "update_metadata", "subject": "other/team-c", "summary": "“Team” → “Team C”"}


def shown(
    accept: str = "",
    width: int = 80,
    *,
    apply: bool = False,
    colour: bool = False,
    terminal: bool = False,
    **result: Any,
) -> str:
    whole: dict[str, Any] = {
        "status": "success",
        "actions": [],
        "applied_actions": [],
        "errors": [],
        "plan_digest": "ab",
    }
    output = io.StringIO()
    console = Console(
        file=output, width=width, force_terminal=terminal or colour, color_system="standard" if colour else None
    )
    show(whole | result, console, accept=accept, apply=apply)
    return output.getvalue()


def test_a_plan_reads_like_a_review_by_scope_with_old_and_new_and_a_line_that_counts() -> None:
    assert shown(actions=[CREATE, RENAME, UPDATE]).splitlines() == [
        "coreos",
        "  + team-a  create",
        "      “The people of team A” +alice #team-a",
        "  - team-b  update_users",
        "      +carol -bob",
        "other",
        "  ~ team-c  update_metadata",
        "      “Team” → “Team C”",
        "",
        "1 to create, 2 to change, 1 person removed.",
    ]


def test_of_two_actions_on_one_subject_only_the_applied_one_is_shown_as_applied() -> None:
    other = UPDATE | {"summary": "+dave", "removes": []}
    lines = shown(apply=True, actions=[UPDATE, other], applied_actions=[other]).splitlines()
    assert lines[1] == "  - team-b  update_users  not applied"
    assert lines[3] == "  ~ team-b  update_users  applied"
    assert lines[-1] == "1 changed, 1 not applied."


def test_nothing_is_said_of_applying_in_a_plan() -> None:
    assert "applied" not in shown(actions=[CREATE])


def test_who_is_taken_away_is_red_and_nobody_else() -> None:
    action = UPDATE | {"summary": "“no -bobby here” -bob-two x-bob +carol -bob", "removes": ["bob"]}
    text = shown(actions=[action], colour=True)
    assert "\x1b[1;31m-bob\x1b[0m" in text
    assert text.count("-bob\x1b") == 1


def test_who_is_taken_away_is_shown_though_the_summary_does_not_say_it() -> None:
    assert "      fewer people -bob -[x]\n" in shown(
        actions=[UPDATE | {"summary": "fewer people", "removes": ["bob", "[x]"]}]
    )


def test_nothing_of_any_integration_is_needed_but_type_subject_and_summary() -> None:
    assert "acme-things" not in shown(actions=[{"action_type": "x", "subject": "y", "summary": "z", "thing": "w"}])
    assert shown() == "Nothing to do: all is as desired.\n"
    assert shown(status="failed", errors=["no [token] for it"]) == "Nothing planned.\nerror: no [token] for it\n"


@pytest.mark.parametrize("width", [20, 80])
def test_it_fits_the_screen_whatever_is_in_it(width: int) -> None:
    long = {"action_type": "update_members" * 3, "subject": "organisation/" + "team-" * 30, "summary": "+person " * 200}
    text = shown(width=width, terminal=True, actions=[long, CREATE], errors=["word " * 100, "x" * 300])
    assert max(len(line) for line in text.splitlines()) <= width
    assert text.count("+person") == 200


def test_text_that_would_do_something_to_a_terminal_does_nothing() -> None:
    text = shown(actions=[CREATE | {"summary": "\x1b[2J\n[bold]x"}], errors=["\x1b]0;title\x07"])
    assert "\x1b" not in text
    assert "[bold]x" in text


def test_a_blocked_plan_is_shown_with_the_reason_the_digest_and_how_to_accept_it() -> None:
    reason = "coreos: blocked: it would end 92 of 226 memberships"
    command = (
        "qontract reconcile slack-usergroups " + "directory/" * 10 + "desired.json --apply --accept-plan 9f86.d081"
    )
    text = shown(command, status="blocked", actions=[UPDATE], errors=[reason], plan_digest="9f86.d081")
    lines = text.splitlines()
    assert f"error: {reason}" in lines
    assert "  9f86.d081" in lines
    assert f"  {command}" in lines, "a command has to be one line, or it cannot be copied"
    assert "  - team-b  update_users" in lines


@pytest.mark.parametrize("status", ["success", "failed", "skipped"])
def test_nothing_is_said_of_accepting_a_plan_that_no_guard_stopped(status: str) -> None:
    assert "accept" not in shown("accept it", status=status, actions=[UPDATE])


def test_what_the_api_did_not_list_is_said_where_the_list_ends_and_where_it_is_counted() -> None:
    lines = shown(actions=[CREATE], actions_left_out=812, errors=["a"], errors_left_out=3).splitlines()
    assert lines[3] == "  … and 812 more actions, not listed"
    assert lines[5:] == [
        "1 to create, and 812 more actions, not listed.",
        "error: a",
        "error: and 3 more errors, not listed",
    ]


def test_of_what_was_applied_and_is_not_listed_there_is_a_count() -> None:
    result: dict[str, Any] = {
        "actions": [CREATE],
        "applied_actions": [CREATE],
        "actions_left_out": 812,
        "applied_actions_left_out": 800,
    }
    assert shown(apply=True, **result).splitlines()[-1] == (
        "1 created, and 812 more actions, not listed, 800 of them applied."
    )


def test_a_plan_of_which_nothing_could_be_listed_is_not_taken_for_none() -> None:
    text = shown(actions_left_out=1)
    assert "and 1 more actions, not listed" in text
    assert "Nothing" not in text
