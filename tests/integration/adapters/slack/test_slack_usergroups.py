"""Slack workspaces through slack_sdk, against the sandbox."""

import json
import logging
import os
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from qontract.adapters.slack import SlackApiUsergroups
from qontract.adapters.slack.slack_usergroups import SlackSettings
from qontract.application.ports.integration import IntegrationError, RateLimitedError
from qontract.application.slack_usergroups import SlackUsergroups
from qontract.domain.slack_usergroups import UsergroupAction
from qontract.testing.reconciling import reconcile
from tests.contracts.slack_usergroups import SlackUsergroupsContract, create, update_metadata, update_users
from tests.support.paths import DATA
from tests.support.slack_sandbox import COREOS, Sandbox, channel, user, usergroup

READING = ["users.list", "conversations.list", "usergroups.list"]
TOKENS = {"coreos": "xoxb-sandbox-coreos", "osbs": "xoxb-sandbox-osbs"}


def through(url: str, tokens: dict[str, str] | None = None, *, timeout: float = 10) -> SlackApiUsergroups:
    settings = {"tokens": TOKENS if tokens is None else tokens, "api_url": url, "timeout": timeout}
    return SlackApiUsergroups(SlackSettings.model_validate(settings))


@pytest.fixture
def workspaces(slack_sandbox: Sandbox) -> SlackUsergroups:
    return through(slack_sandbox.url)


class TestSlackApiUsergroups(SlackUsergroupsContract):
    @pytest.fixture
    def workspaces(self, workspaces: SlackUsergroups) -> SlackUsergroups:
        return workspaces


def test_all_pages_are_read_and_the_number_of_calls_is_that_of_the_pages(
    slack_sandbox: Sandbox, workspaces: SlackUsergroups
) -> None:
    users = [user(f"U{number}", f"user-{number}") for number in range(2_500)]
    channels = [channel(f"C{number}", f"channel-{number}") for number in range(1_000)]
    groups = [usergroup(f"S{number}", f"team-{number}", users=["U0"]) for number in range(200)]
    slack_sandbox.start(COREOS | {"users": users, "channels": channels, "usergroups": groups})
    read = workspaces.read("coreos")
    assert [user.name for user in read.users] == [f"user-{number}" for number in range(2_500)]
    assert [channel.name for channel in read.channels] == [f"channel-{number}" for number in range(1_000)]
    assert len(read.usergroups) == 200
    assert sorted(slack_sandbox.calls()) == sorted(["users.list"] * 3 + ["conversations.list"] * 2 + READING[2:])


def test_reading_is_three_calls(slack_sandbox: Sandbox, workspaces: SlackUsergroups) -> None:
    workspaces.read("coreos")
    assert sorted(slack_sandbox.calls()) == sorted(READING)


@pytest.mark.parametrize(
    ("action", "calls"),
    [
        (create(), ["usergroups.create"]),
        (create(user_ids=("U1",)), ["usergroups.create", "usergroups.users.update"]),
        (create(channel_ids=("C1",)), ["usergroups.create", "usergroups.update"]),
        (
            create(user_ids=("U1",), channel_ids=("C1",)),
            ["usergroups.create", "usergroups.update", "usergroups.users.update"],
        ),
        (update_users(), ["usergroups.users.update"]),
        (update_users(usergroup_id="S2", enable=True), ["usergroups.enable", "usergroups.users.update"]),
        (update_users(user_ids=()), ["usergroups.disable"]),
        (update_metadata(), ["usergroups.update"]),
    ],
)
def test_an_action_makes_the_calls_that_it_needs(
    slack_sandbox: Sandbox, workspaces: SlackUsergroups, action: UsergroupAction, calls: list[str]
) -> None:
    workspaces.apply(action)
    assert slack_sandbox.calls() == calls


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (create(usergroup="team-a"), "Slack refused usergroups.create: name_already_exists"),
        (update_users(user_ids=("U4",)), "Slack refused usergroups.users.update: invalid_users"),
        (update_metadata(channel_ids=("C404",)), "Slack refused usergroups.update: channel_not_found"),
        (
            create(user_ids=("U4",)),
            "created, but without its users: Slack refused usergroups.users.update: invalid_users",
        ),
        (
            create(user_ids=("U1",), channel_ids=("C404",)),
            "created, but without its channels and users: Slack refused usergroups.update: channel_not_found",
        ),
    ],
)
def test_a_refusal_says_what_was_asked_and_why_not(
    workspaces: SlackUsergroups, action: UsergroupAction, message: str
) -> None:
    with pytest.raises(IntegrationError, match=f"^{re.escape(message)}$"):
        workspaces.apply(action)


def test_a_deactivated_member_changes_nothing(slack_sandbox: Sandbox, workspaces: SlackUsergroups) -> None:
    with pytest.raises(IntegrationError, match="invalid_users"):
        workspaces.apply(update_users(user_ids=("U2", "U4")))
    assert slack_sandbox.group("coreos", "team-a")["users"] == ["U1", "W3"]


@pytest.mark.parametrize(
    ("method", "status"),
    [("users.list", 429), ("usergroups.list", 500), ("conversations.list", 503), ("users.list", 502)],
)
def test_reading_is_tried_again(slack_sandbox: Sandbox, workspaces: SlackUsergroups, method: str, status: int) -> None:
    slack_sandbox.fault(method, status=status, retry_after=0)
    assert len(workspaces.read("coreos").users) == 4
    assert slack_sandbox.calls().count(method) == 2


@pytest.mark.parametrize("method", ["usergroups.users.update", "usergroups.list"])
def test_a_longer_pause_for_the_rate_is_left_to_the_job_and_nothing_is_done(
    slack_sandbox: Sandbox, workspaces: SlackUsergroups, method: str
) -> None:
    before = workspaces.read("coreos")
    slack_sandbox.fault(method, status=429, retry_after=30)
    with pytest.raises(RateLimitedError) as limited:
        workspaces.apply(update_users()) if "update" in method else workspaces.read("coreos")
    assert limited.value.seconds == 30
    assert workspaces.read("coreos") == before


def test_a_pause_for_the_rate_in_the_midst_of_an_action_is_waited_for(
    slack_sandbox: Sandbox, workspaces: SlackUsergroups
) -> None:
    slack_sandbox.fault("usergroups.users.update", status=429, retry_after=3)
    workspaces.apply(create(user_ids=("U1",)))
    assert slack_sandbox.calls() == ["usergroups.create", "usergroups.users.update", "usergroups.users.update"]


def test_a_short_refusal_for_the_rate_is_tried_again_after_the_time_that_slack_names(
    slack_sandbox: Sandbox, workspaces: SlackUsergroups
) -> None:
    slack_sandbox.fault("usergroups.create", status=429, retry_after=1)
    before = time.monotonic()
    workspaces.apply(create())
    assert time.monotonic() - before >= 1
    assert slack_sandbox.calls() == ["usergroups.create"] * 2


def test_trying_again_has_an_end(slack_sandbox: Sandbox, workspaces: SlackUsergroups) -> None:
    slack_sandbox.fault("usergroups.list", status=500, times=50)
    with pytest.raises(IntegrationError, match=r"^Slack refused usergroups\.list: internal_error$"):
        workspaces.read("coreos")
    assert slack_sandbox.calls().count("usergroups.list") == 3


@pytest.mark.parametrize("carried_out", [True, False])
def test_creating_is_not_tried_again_after_another_failure(
    slack_sandbox: Sandbox, workspaces: SlackUsergroups, carried_out: bool
) -> None:
    slack_sandbox.fault("usergroups.create", status=500, after=carried_out)
    with pytest.raises(IntegrationError, match=r"usergroups\.create"):
        workspaces.apply(create())
    assert slack_sandbox.calls() == ["usergroups.create"]


@pytest.mark.parametrize(
    ("method", "action"),
    [
        ("usergroups.enable", update_users(usergroup_id="S2", enable=True)),
        ("usergroups.disable", update_users(user_ids=())),
        ("usergroups.users.update", update_users()),
    ],
)
def test_a_write_whose_answer_was_lost_is_done_when_it_is_tried_again(
    slack_sandbox: Sandbox, workspaces: SlackUsergroups, method: str, action: UsergroupAction
) -> None:
    slack_sandbox.fault(method, status=500, after=True)
    workspaces.apply(action)
    assert slack_sandbox.calls().count(method) == 2


def test_an_answer_that_comes_too_late_is_an_error(slack_sandbox: Sandbox) -> None:
    workspaces = through(slack_sandbox.url, timeout=0.1)
    slack_sandbox.fault("usergroups.create", delay=0.5)
    with pytest.raises(IntegrationError, match=r"^Slack did not answer usergroups\.create: TimeoutError"):
        workspaces.apply(create())
    assert slack_sandbox.calls() == ["usergroups.create"]


def test_reading_is_tried_again_when_the_answer_comes_too_late(slack_sandbox: Sandbox) -> None:
    workspaces = through(slack_sandbox.url, timeout=0.3)
    slack_sandbox.fault("users.list", delay=0.6)
    assert len(workspaces.read("coreos").users) == 4


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:  # and not listening
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_a_refused_connection_is_an_error_without_the_token(closed_port: int) -> None:
    workspaces = through(f"http://127.0.0.1:{closed_port}/api/", timeout=1)
    with pytest.raises(
        IntegrationError, match=r"^Slack did not answer usergroups\.create: ConnectionRefusedError"
    ) as caught:
        workspaces.apply(create())
    assert "xoxb" not in str(caught.value)


def test_a_workspace_without_a_token_is_an_error_that_names_the_setting(workspaces: SlackUsergroups) -> None:
    with pytest.raises(IntegrationError, match=r"'atlantis'.*QAPI_SLACK__TOKENS"):
        workspaces.read("atlantis")


def test_a_wrong_token_is_refused_and_not_shown(slack_sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    workspaces = through(slack_sandbox.url, {"coreos": "xoxb-secret"})
    with pytest.raises(IntegrationError, match=r"invalid_auth$") as caught:
        workspaces.read("coreos")
    assert "secret" not in str(caught.value) + caplog.text


@pytest.mark.parametrize("token", ["", "xoxb-secret\nX-Evil: 1", "xoxb secret", "xoxb-sécret"])
def test_a_token_that_cannot_be_one_is_refused_and_not_shown(
    slack_sandbox: Sandbox, caplog: pytest.LogCaptureFixture, token: str
) -> None:
    workspaces = through(slack_sandbox.url, {"coreos": token})
    with pytest.raises(IntegrationError, match="QAPI_SLACK__TOKENS") as caught:
        workspaces.read("coreos")
    assert "cret" not in str(caught.value) + caplog.text
    assert slack_sandbox.calls() == []


def test_a_token_from_a_file_may_end_with_a_new_line(slack_sandbox: Sandbox) -> None:
    workspaces = through(slack_sandbox.url, {"coreos": TOKENS["coreos"] + "\n"})
    assert workspaces.read("coreos").name == "coreos"


@pytest.mark.parametrize("body", ["<html>proxy</html>", "[1]", '{"ok": ', '"text"', '{"ok": true}', ""])
def test_an_answer_that_is_not_slacks_is_an_error(sandbox_server: Sandbox, body: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body.encode()})

    sandbox_server._app = app
    workspaces = through(sandbox_server.url)
    with pytest.raises(IntegrationError):
        workspaces.read("coreos")
    with pytest.raises(IntegrationError):
        workspaces.apply(create())


ORGANISATION = DATA / "kubernetes-slack"


@pytest.mark.skipif(not ORGANISATION.exists() and "CI" not in os.environ, reason="the data is not there")
def test_a_real_organisation_is_reconciled_and_then_needs_nothing(slack_sandbox: Sandbox) -> None:
    slack_sandbox.start(json.loads((ORGANISATION / "workspace.json").read_text()))
    desired = json.loads((ORGANISATION / "desired-state.json").read_text()) | {"dry_run": False}
    workspaces = through(slack_sandbox.url, {"kubernetes": "xoxb-sandbox-kubernetes"})
    first = reconcile(workspaces, desired)
    done = sorted(str(action["action_type"]) for action in first.applied_actions)
    assert done == ["create"] * 2 + ["update_users"] * 10
    assert first.errors == ()
    slack_sandbox.calls()
    second = reconcile(workspaces, desired)
    assert (second.actions, second.errors) == ((), ())
    assert sorted(slack_sandbox.calls()) == sorted(READING)
