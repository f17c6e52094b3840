"""What the Slack notifier posts: for people, and nothing that an event could fake."""

import re

import pytest
from pydantic import SecretStr

from qontract.adapters.slack import SlackEventHandler
from qontract.domain.events import DomainEvent
from qontract.domain.integration import BlockedPlan
from qontract.domain.slack_usergroups import UpdateUsers, UsergroupFailure, UsergroupsBlocked
from tests.contracts.slack_usergroups import create, update_metadata, update_users
from tests.support.handling import event, handle
from tests.support.slack_events import applied, failed
from tests.support.slack_sandbox import Sandbox

pytestmark = pytest.mark.anyio

LINE = re.compile(r"(\*event\*|change:|error:|reason:|plan_digest:|asked for by:|because:)( `[^`\n]+`)+")
"""All that a line can be: what we say, and what others say in code spans, where Slack formats nothing."""


async def posted(sandbox: Sandbox, event: DomainEvent) -> list[str]:
    """Return the lines of the one message that is posted for the event."""
    token = SecretStr("xoxb-sandbox-coreos")
    settings = SlackEventHandler.Settings(token=token, channel="general", api_url=sandbox.url, timeout=10)
    await handle(SlackEventHandler(settings), event)
    (text,) = sandbox.messages()
    assert len(text) < 4000, "Slack makes several messages of it"
    lines = text.split("\n")
    assert all(LINE.fullmatch(line) for line in lines), lines
    assert text.isprintable() or len(lines) > 1
    assert all(line.isprintable() for line in lines)
    assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", text)
    return lines


async def test_an_action_is_told_by_its_summary(slack_sandbox: Sandbox) -> None:
    happened = applied(update_users(users_to_add=("bob",), users_to_remove=("al", "cy")))
    assert await posted(slack_sandbox, happened) == [
        "*event* `qontract-api.slack-usergroups.update_users` `coreos/team-a`",
        "change: `+bob -al -cy`",
    ]


async def test_the_message_says_what_was_and_what_is_and_who_asked_for_it_and_why(slack_sandbox: Sandbox) -> None:
    action = update_metadata(description="New", description_before="Old", channels=("a",), channels_before=("a",))
    happened = applied(action).model_copy(update={"extensions": {"authid": "alice", "reason": "a new name"}})
    assert (await posted(slack_sandbox, happened))[1:] == [
        "change: `“Old” → “New”`",
        "asked for by: `alice`",
        "because: `a new name`",
    ]


async def test_a_failure_says_why(slack_sandbox: Sandbox) -> None:
    lines = await posted(
        slack_sandbox, failed(UsergroupFailure(workspace="coreos", usergroup="team-b", error="no <reason>"))
    )
    assert lines == [
        "*event* `qontract-api.slack-usergroups.error` `coreos/team-b`",
        "error: `no &lt;reason&gt;`",
    ]


async def test_a_plan_that_was_stopped_says_why_and_how_to_let_it_pass(slack_sandbox: Sandbox) -> None:
    plan = BlockedPlan(scope="coreos", reason="too many", plan_digest="9f86", removes=9, memberships=10, actions=())
    lines = await posted(slack_sandbox, UsergroupsBlocked(subject="coreos", data=plan))
    assert lines[1:] == ["reason: `too many`", "plan_digest: `9f86`"]


@pytest.mark.parametrize(
    "data", [None, 1, "text", [1], {}, {"error": ["no", "text"]}, {"error": {"a": 1}, "reason": 7}]
)
async def test_an_event_of_any_data_is_one_line_with_its_type(slack_sandbox: Sandbox, data: object) -> None:
    assert await posted(slack_sandbox, DomainEvent(type="a.b", data=data)) == ["*event* `a.b`"]


FAKE = (
    "x`\n*event* `qontract-api.slack-usergroups.create` `coreos/admins`\r\n_it_ ~is~"
    " <!channel> & <@U1>\x1b[2J\u2028\u202e"
)


@pytest.mark.parametrize("where", ["type", "subject", "error", "reason", "plan_digest", "authid", "why", "action"])
async def test_no_event_can_fake_a_line_of_another(slack_sandbox: Sandbox, where: str) -> None:
    happened = event()
    if where in {"type", "subject"}:
        happened = happened.model_copy(update={where: FAKE})
    elif where == "authid":
        happened = happened.model_copy(update={"extensions": {"authid": FAKE}})
    elif where == "why":
        happened = happened.model_copy(update={"extensions": {"reason": FAKE}})
    elif where == "action":
        happened = applied(create(description=FAKE, users=(FAKE,), channels=(FAKE,)))
    else:
        happened = event(**{where: FAKE})
    lines = await posted(slack_sandbox, happened)
    assert [line.startswith("*event*") for line in lines] == [True] + [False] * (len(lines) - 1)
    assert len(lines) <= 2
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;\\x1b[2J\\u2028\\u202e" in "".join(lines)


@pytest.mark.parametrize("char", ["x", "<", "&", "`", "\n", "\U0010ffff", " ", "é"])
async def test_a_message_is_never_so_long_that_slack_makes_several_of_it(slack_sandbox: Sandbox, char: str) -> None:
    long = f"|{char * 10_000}|"
    action = UpdateUsers(
        workspace=long,
        usergroup=long,
        usergroup_id="S1",
        users=(long,),
        user_ids=("U1",),
        users_to_add=(long, long),
        users_to_remove=(long,),
    )
    extensions = {"authid": long, "reason": long}
    lines = await posted(slack_sandbox, applied(action).model_copy(update={"extensions": extensions}))
    assert len(lines) == 4
    assert all(line.endswith("…`") for line in lines)


@pytest.mark.parametrize("text", ["", " ", "\n \t"])
async def test_a_text_without_anything_to_show_is_left_out(slack_sandbox: Sandbox, text: str) -> None:
    assert await posted(slack_sandbox, event("a", error=text)) == ["*event* `qontract-api.elsewhere.done` `a`"]
