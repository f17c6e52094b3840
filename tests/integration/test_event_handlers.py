"""The event handlers that come with it: the audit log and the Slack notifier."""

import json
import logging
from html import unescape
from multiprocessing import get_context
from pathlib import Path

import anyio
import pytest
from pydantic import SecretStr, ValidationError
from qontract.application.ports.slack_workspaces import SlackWorkspacesError

from qontract.adapters.cloudevents import Event, from_cloudevent
from qontract.adapters.jsonlines import JsonLinesEventHandler
from qontract.adapters.slack import SlackEventHandler
from tests.contracts.event_handler import EventHandlerContract, Handled, event, handle
from tests.contracts.slack_usergroups import update_users
from tests.slack_sandbox import Sandbox
from tests.support.slack_events import applied

pytestmark = pytest.mark.anyio


def audit_log(file: Path | str) -> JsonLinesEventHandler:
    return JsonLinesEventHandler(JsonLinesEventHandler.Settings(file=str(file)))


def notifier(sandbox: Sandbox, channel: str = "#general") -> SlackEventHandler:
    token = SecretStr("xoxb-sandbox-coreos")
    return SlackEventHandler(SlackEventHandler.Settings(token=token, channel=channel, api_url=sandbox.url, timeout=10))


class TestJsonLinesEventHandler(EventHandlerContract):
    @pytest.fixture
    def handled(self, tmp_path: Path) -> Handled:
        audit = tmp_path / "audit.jsonl"
        return audit_log(audit), lambda: audit.read_text().splitlines()


class TestSlackEventHandler(EventHandlerContract):
    @pytest.fixture
    def handled(self, slack_sandbox: Sandbox) -> Handled:
        return notifier(slack_sandbox), lambda: [unescape(text) for text in slack_sandbox.messages()]


async def test_a_line_is_the_complete_cloudevent(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    happened = applied(update_users(), "request-1").model_copy(update={"source": "/here"})
    await handle(audit_log(audit), happened)
    assert from_cloudevent(Event.from_json(audit.read_bytes())) == happened


async def test_lines_are_added_to_what_is_there(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    audit.write_text("before\n")
    await handle(audit_log(audit), event("the/subject"))
    before, line = audit.read_text().splitlines()
    assert (before, json.loads(line)["subject"]) == ("before", "the/subject")


async def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    await handle(audit_log(audit), event())
    assert audit.stat().st_mode & 0o777 == 0o600


async def test_a_dash_is_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    await handle(audit_log("-"), event("the/subject"))
    assert json.loads(capsys.readouterr().out)["subject"] == "the/subject"


def _append_many(audit: str) -> None:
    async def append() -> None:
        handler = audit_log(audit)
        for _ in range(200):
            await handle(handler, event(text="x" * 10_000))

    anyio.run(append)


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")  # Python 3.12: the child needs no thread
def test_several_processes_append_whole_lines(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    processes = [get_context("fork").Process(target=_append_many, args=(str(audit),)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    lines = audit.read_text().splitlines()
    assert len({json.loads(line)["id"] for line in lines}) == len(lines) == 600


async def test_a_line_that_cannot_be_written_is_not_handled(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        await handle(audit_log(tmp_path / "nowhere" / "audit.jsonl"), event())


async def test_what_slack_reads_as_markup_is_escaped(slack_sandbox: Sandbox) -> None:
    await handle(notifier(slack_sandbox), event("<!channel> & <@U1>"))
    (text,) = slack_sandbox.messages()
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in text


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


async def test_the_message_names_who_comes_and_who_goes(slack_sandbox: Sandbox) -> None:
    await handle(notifier(slack_sandbox), applied(update_users(users_to_add=("bob",), users_to_remove=("al", "cy"))))
    (text,) = slack_sandbox.messages()
    assert "users_to_add: bob" in text
    assert "users_to_remove: al, cy" in text


async def test_a_message_has_a_length_that_slack_takes(slack_sandbox: Sandbox) -> None:
    names = tuple(f"<user-{number}>" for number in range(10_000))
    await handle(notifier(slack_sandbox), applied(update_users(users_to_add=names, users_to_remove=names)))
    (text,) = slack_sandbox.messages()
    assert len(text) < 40_000


@pytest.mark.parametrize(("channel", "code"), [("nowhere", "channel_not_found"), ("forgotten", "is_archived")])
async def test_a_message_that_slack_refuses_is_not_handled(slack_sandbox: Sandbox, channel: str, code: str) -> None:
    with pytest.raises(SlackWorkspacesError, match=f"^Slack refused chat.postMessage: {code}$"):
        await handle(notifier(slack_sandbox, channel), event())


async def test_posting_is_tried_again_after_a_refusal_for_the_rate(slack_sandbox: Sandbox) -> None:
    slack_sandbox.fault("chat.postMessage", status=429, retry_after=0)
    await handle(notifier(slack_sandbox), event())
    assert len(slack_sandbox.messages()) == 1


async def test_posting_is_not_tried_again_after_another_failure(
    slack_sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    slack_sandbox.fault("chat.postMessage", status=500, after=True)
    with pytest.raises(SlackWorkspacesError, match=r"chat\.postMessage"):
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
