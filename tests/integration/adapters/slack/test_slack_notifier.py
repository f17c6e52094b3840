"""The Slack notifier: what it posts, and when it does not."""

import logging

import anyio
import pytest
from pydantic import SecretStr, ValidationError

from qontract.adapters.slack import SlackEventHandler
from qontract.application.ports.integration import IntegrationError
from qontract.testing import EventHandlerContract
from tests.support.handling import event, handle
from tests.support.slack_sandbox import Sandbox

pytestmark = pytest.mark.anyio


def notifier(sandbox: Sandbox, channel: str = "#general") -> SlackEventHandler:
    token = SecretStr("xoxb-sandbox-coreos")
    return SlackEventHandler(SlackEventHandler.Settings(token=token, channel=channel, api_url=sandbox.url, timeout=10))


class TestSlackEventHandler(EventHandlerContract):
    @pytest.fixture
    def handler(self, slack_sandbox: Sandbox) -> SlackEventHandler:
        return notifier(slack_sandbox)


def test_it_wants_the_types_that_it_is_set_to() -> None:
    settings = SlackEventHandler.Settings(token=SecretStr("xoxb-sandbox-coreos"), types=("a.*",))
    assert SlackEventHandler(settings).types == ("a.*",)


@pytest.mark.parametrize(
    ("token", "channel", "enabled"), [("", "", False), ("t", "", False), ("", "c", False), ("t", "c", True)]
)
def test_it_is_enabled_by_a_token_and_a_channel(token: str, channel: str, enabled: bool) -> None:
    assert SlackEventHandler.Settings(token=SecretStr(token), channel=channel).enabled is enabled


def test_a_token_with_characters_that_no_token_has_is_refused() -> None:
    with pytest.raises(ValidationError, match="has characters that no token has"):
        SlackEventHandler.Settings(token=SecretStr("xoxb\n1"), channel="c")


@pytest.mark.parametrize(("channel", "code"), [("nowhere", "channel_not_found"), ("forgotten", "is_archived")])
async def test_a_message_that_slack_refuses_is_not_handled(slack_sandbox: Sandbox, channel: str, code: str) -> None:
    with pytest.raises(IntegrationError, match=f"^Slack refused chat.postMessage: {code}$"):
        await handle(notifier(slack_sandbox, channel), event())


async def test_posting_is_not_tried_again_after_another_failure(
    slack_sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    slack_sandbox.fault("chat.postMessage", status=500, after=True)
    with pytest.raises(IntegrationError, match=r"chat\.postMessage"):
        await handle(notifier(slack_sandbox), event())
    assert slack_sandbox.calls() == ["chat.postMessage"]
    assert "xoxb" not in caplog.text


async def test_a_slow_slack_does_not_hold_up_the_loop(slack_sandbox: Sandbox) -> None:
    slack_sandbox.fault("chat.postMessage", delay=0.5)
    done: list[str] = []

    async def post() -> None:
        await handle(notifier(slack_sandbox), event())
        done.append("post")

    async with anyio.create_task_group() as group:
        group.start_soon(post)
        await anyio.sleep(0.05)
        done.append("other work")
    assert done == ["other work", "post"]


async def test_several_may_be_posted_at_once(slack_sandbox: Sandbox) -> None:
    handler = notifier(slack_sandbox)
    subjects = [f"coreos/team-{number:02}" for number in range(20)]
    async with anyio.create_task_group() as group:
        for subject in subjects:
            group.start_soon(handle, handler, event(subject))
    assert sorted(message.split("`")[3] for message in slack_sandbox.messages()) == subjects
