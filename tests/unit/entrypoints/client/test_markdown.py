"""A result in a pull request."""

import re
from typing import Any

from qontract.entrypoints.client.markdown import markdown

CREATE = {
    "action_type": "create",
    "subject": "acme/team-a",
    "summary": "“Team A” +alice",
    "creates": True,
    "removes": [],
}
UPDATE = {"action_type": "update", "subject": "acme/b", "summary": "+carol -bob", "creates": False, "removes": ["bob"]}
RENAME = {"action_type": "rename", "subject": "acme/c", "summary": "“C” → “D”", "creates": False, "removes": []}


def page(*actions: dict[str, Any], apply: bool = False, integration: str = "acme-things", **result: Any) -> str:
    whole = {"status": "success", "actions": actions, "applied_actions": [], "errors": [], "plan_digest": "ab"}
    return markdown(integration, whole | result, apply=apply)


def outside(text: str) -> list[str]:
    """Return the lines that stand in no fenced block."""
    lines, fence = [], ""
    for line in text.splitlines():
        if fence:
            fence = "" if line == fence else fence
        elif start := re.match("`{3,}", line):
            fence = start[0]
        else:
            lines.append(line)
    assert not fence
    return [line for line in lines if line]


def test_a_plan_is_a_diff_in_which_what_is_taken_away_is_marked() -> None:
    assert page(CREATE, RENAME, UPDATE).splitlines() == [
        "### qontract: `acme-things`",
        "",
        "**Plan:** 1 to create, 2 to change, 1 person removed.",
        "",
        "```diff",
        "@@ acme @@",
        "+ team-a: create",
        "+     “Team A” +alice",
        "! c: rename",
        "!     “C” → “D”",
        "- b: update",
        "-     +carol -bob",
        "```",
    ]


def test_what_was_applied_and_what_was_not_is_told() -> None:
    text = page(CREATE, RENAME, apply=True, applied_actions=[CREATE], status="failed", errors=["acme/c: refused"])
    assert "**Applied:** 1 created, 1 not applied." in text
    assert "! c: rename (not applied)" in text
    assert "+ team-a: create\n" in text
    assert "**Errors**\n\n```text\nacme/c: refused\n```" in text


def test_nothing_to_do_is_said() -> None:
    assert page().splitlines()[-1] == "Nothing to do: all is as desired."
    assert page(status="failed").splitlines()[-1] == "Nothing planned."


def test_a_blocked_plan_brings_what_has_it_applied() -> None:
    assert "```text\n--apply --accept-plan 9f86.ab\n```" in page(UPDATE, status="blocked", plan_digest="9f86.ab")


def test_nothing_in_a_name_breaks_the_page() -> None:
    evil = "```\n# x <img src=x> @everyone [a](b) | `````` ~~~\u202e\x1b[2J"
    action = {"action_type": evil, "subject": f"{evil}/{evil}", "summary": evil, "creates": False, "removes": [evil]}
    text = page(action, errors=[evil, "```"], integration="x`y\n# z", status="blocked", plan_digest=evil)
    assert outside(text) == [
        "### qontract: `xyz`",
        "**Plan:** 1 to change, 1 person removed.",
        "**Errors**",
        "**A guard stopped this plan**: it may be a mistake. To have just this plan applied, add to the command:",
    ]
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_page_fits_into_a_comment_and_says_what_it_leaves_out() -> None:
    many = [UPDATE | {"subject": f"acme/{number}", "summary": "x" * 2000} for number in range(1000)]
    text = page(*many, errors=["y" * 900] * 1000)
    assert len(text) < 65_536
    assert re.search(r"^… and 2\d{3} more lines$", text, re.MULTILINE)
    assert re.search(r"^… and 9\d\d more lines$", text, re.MULTILINE)
    assert "**Plan:** 1000 to change" in text


def test_who_is_removed_is_on_a_line_if_the_summary_does_not_say_it_or_is_cut() -> None:
    assert "-     removed: bob" in page(UPDATE | {"summary": "+carol -bobby x-bob"})
    assert "-     removed: bob" in page(UPDATE | {"summary": "+carol " * 200 + "-bob"})
    assert "removed: " not in page(UPDATE | {"summary": "+carol " * 100 + "-bob"}).partition("```")[2]


def test_of_many_who_are_removed_it_is_said_how_many_more_there_are() -> None:
    text = page(UPDATE | {"removes": [f"user-{number}" for number in range(70)]})
    assert text.count("-     removed: user-") == 50
    assert "-     removed: 20 more" in text


def test_what_the_api_did_not_list_is_counted_in_the_headline_and_after_the_list() -> None:
    text = page(CREATE, actions_left_out=812, errors=["a"], errors_left_out=3)
    assert "**Plan:** 1 to create, and 812 more actions, not listed." in outside(text)
    assert "… and 812 more actions, not listed." in outside(text)
    assert "a\nand 3 more errors, not listed\n" in text


def test_a_plan_of_which_nothing_could_be_listed_is_not_taken_for_none() -> None:
    assert outside(page(actions_left_out=2))[1:] == [
        "**Plan:** and 2 more actions, not listed.",
        "… and 2 more actions, not listed.",
    ]
