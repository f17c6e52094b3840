"""What a person is shown of a result."""

import io
from typing import Any

import pytest
from rich.console import Console

from qontract.entrypoints.report import show

CREATE = {"action_type": "create", "subject": "coreos/team-a", "summary": "“The people of team A” +alice #team-a"}
UPDATE = {"action_type": "update_users", "subject": "coreos/team-b", "summary": "+carol -bob"}


def shown(accept: str = "", width: int = 80, **result: Any) -> str:
    whole: dict[str, Any] = {
        "status": "success",
        "actions": [],
        "applied_actions": [],
        "errors": [],
        "plan_digest": "ab",
    }
    output = io.StringIO()
    show(whole | result, Console(file=output, width=width), accept=accept)
    return output.getvalue()


def test_each_action_is_a_line_with_what_changes_and_whether_it_was_applied() -> None:
    lines = shown(actions=[CREATE, UPDATE], applied_actions=[UPDATE]).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["create", "coreos/team-a", "“The", "people", "of", "team", "A”", "+alice", "#team-a", "no"],
        ["update_users", "coreos/team-b", "+carol", "-bob", "yes"],
    ]


def test_of_two_actions_on_one_subject_only_the_applied_one_is_shown_as_applied() -> None:
    other = UPDATE | {"summary": "+dave"}
    lines = shown(actions=[UPDATE, other], applied_actions=[other]).splitlines()
    assert [line.split()[-1] for line in lines[1:]] == ["no", "yes"]


def test_nothing_of_any_integration_is_needed_but_type_subject_and_summary() -> None:
    assert "acme-things" not in shown(actions=[{"action_type": "x", "subject": "y", "summary": "z", "thing": "w"}])
    assert shown() == "Nothing to do: all is as desired.\n"
    assert shown(status="failed", errors=["no [token] for it"]) == "Nothing planned.\nerror: no [token] for it\n"


def test_it_fits_80_columns_whatever_is_in_it() -> None:
    long = {"action_type": "update_members" * 3, "subject": "organisation/" + "team-" * 30, "summary": "+person " * 200}
    text = shown(actions=[long, CREATE], applied_actions=[long], errors=["word " * 100, "x" * 300])
    assert max(len(line) for line in text.splitlines()) <= 80
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
    assert UPDATE["subject"] in text


@pytest.mark.parametrize("status", ["success", "failed", "skipped"])
def test_nothing_is_said_of_accepting_a_plan_that_no_guard_stopped(status: str) -> None:
    assert "accept" not in shown("accept it", status=status, actions=[UPDATE])
