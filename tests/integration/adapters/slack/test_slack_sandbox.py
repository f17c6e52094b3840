"""The Slack sandbox, as slack_sdk sees it and as a process."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from qontract.entrypoints.slack_sandbox import load
from tests.support import requesting
from tests.support.processes import free_port, process
from tests.support.slack_sandbox import COREOS, Sandbox


@pytest.fixture
def slack(slack_sandbox: Sandbox) -> WebClient:
    return WebClient("xoxb-sandbox-coreos", base_url=slack_sandbox.url, retry_handlers=[])


def test_a_token_means_its_workspace(slack_sandbox: Sandbox, slack: WebClient) -> None:
    assert slack.auth_test()["team"] == "coreos"
    assert WebClient("xoxb-sandbox-osbs", base_url=slack_sandbox.url).auth_test()["team"] == "osbs"


@pytest.mark.parametrize(("token", "code"), [(None, "not_authed"), ("xoxb-wrong", "invalid_auth")])
def test_a_call_without_a_right_token_is_refused(slack_sandbox: Sandbox, token: str | None, code: str) -> None:
    with pytest.raises(SlackApiError) as caught:
        WebClient(token, base_url=slack_sandbox.url).users_list()
    assert caught.value.response["error"] == code
    assert caught.value.response.status_code == 200


@pytest.mark.parametrize(
    ("method", "arguments", "code"),
    [
        ("no.such", {}, "unknown_method"),
        ("users.list", {"cursor": "nonsense"}, "invalid_cursor"),
        ("users.list", {"limit": "many"}, "invalid_limit"),
        ("usergroups.create", {"name": "team-a"}, "name_already_exists"),
        ("usergroups.create", {"name": "Another", "handle": "team-a"}, "handle_already_exists"),
        ("usergroups.create", {}, "invalid_arguments"),
        ("usergroups.update", {"usergroup": "S404"}, "no_such_subteam"),
        ("usergroups.update", {"usergroup": "S2", "description": "x"}, "no_such_subteam"),
        ("usergroups.update", {"usergroup": "S1", "channels": "C404"}, "channel_not_found"),
        ("usergroups.users.update", {"usergroup": "S1", "users": "U1,U4"}, "invalid_users"),
        ("usergroups.users.update", {"usergroup": "S2", "users": "U1"}, "no_such_subteam"),
        ("usergroups.enable", {"usergroup": "S1"}, "already_enabled"),
        ("usergroups.disable", {"usergroup": "S2"}, "already_disabled"),
        ("chat.postMessage", {"channel": "nowhere", "text": "x"}, "channel_not_found"),
        ("conversations.history", {"channel": "nowhere"}, "channel_not_found"),
    ],
)
def test_a_refusal_has_slacks_code_and_changes_nothing(
    slack_sandbox: Sandbox, slack: WebClient, method: str, arguments: dict[str, str], code: str
) -> None:
    before = slack_sandbox.state("coreos")
    with pytest.raises(SlackApiError) as caught:
        slack.api_call(method, params=arguments)
    assert caught.value.response.data == {"ok": False, "error": code}
    assert slack_sandbox.state("coreos") == before


def test_an_empty_list_of_users_is_refused_and_empties_the_group(slack_sandbox: Sandbox, slack: WebClient) -> None:
    with pytest.raises(SlackApiError, match="invalid_users"):
        slack.usergroups_users_update(usergroup="S1", users="")
    assert slack_sandbox.group("coreos", "team-a")["users"] == []


def test_lists_come_in_pages(slack: WebClient) -> None:
    pages = [page["members"] for page in slack.users_list(limit=3)]
    assert [[user["id"] for user in page] for page in pages] == [["U1", "U2", "U3"], ["U4"]]


def test_channels_are_listed_by_type(slack: WebClient) -> None:
    def names(**arguments: Any) -> list[str]:
        return [channel["name"] for channel in slack.conversations_list(**arguments)["channels"]]

    assert names() == ["general", "team-a", "forgotten"]
    assert names(exclude_archived=True) == ["general", "team-a"]
    assert names(types="private_channel") == ["secrets"]


def test_usergroups_show_what_is_asked_for(slack: WebClient) -> None:
    (plain,) = slack.usergroups_list()["usergroups"]
    assert "users" not in plain
    assert plain["description"] == "People of &lt;A&gt; &amp; friends"
    both = slack.usergroups_list(include_users=True, include_disabled=True)["usergroups"]
    assert [group["users"] for group in both] == [["U1", "W3"], ["U2"]]


def test_messages_are_read_newest_first(slack: WebClient) -> None:
    slack.chat_postMessage(channel="#general", text="first")
    slack.chat_postMessage(channel="C1", text="second")
    slack.chat_postMessage(channel="team-a", text="elsewhere")
    assert [message["text"] for message in slack.conversations_history(channel="C1")["messages"]] == ["second", "first"]


def test_arguments_may_come_as_json_and_in_the_query(slack_sandbox: Sandbox, slack: WebClient) -> None:
    slack.api_call("usergroups.users.update", json={"usergroup": "S1", "users": ["U1", "U2"]})
    assert slack_sandbox.group("coreos", "team-a")["users"] == ["U1", "U2"]
    query = requesting.get(f"{slack_sandbox.url}users.list", params={"token": "xoxb-sandbox-coreos", "limit": 2})
    assert len(query.json()["members"]) == 2


@pytest.mark.parametrize("body", ["[1]", "{", "\xff"])
def test_arguments_that_are_no_json_object_are_refused(slack_sandbox: Sandbox, body: str) -> None:
    headers = {"content-type": "application/json"}
    answer = requesting.post(f"{slack_sandbox.url}users.list", content=body.encode("latin-1"), headers=headers)
    assert answer.json() == {"ok": False, "error": "invalid_json"}


def test_faults_end_after_their_times_and_can_be_taken_back(slack_sandbox: Sandbox, slack: WebClient) -> None:
    slack_sandbox.fault("users.list", status=503, times=1)
    slack_sandbox.fault("auth.test", status=503, times=100)
    with pytest.raises(SlackApiError, match="internal_error"):
        slack.users_list()
    assert slack.users_list()["ok"]
    requesting.delete(f"{slack_sandbox.url}../sandbox/faults").raise_for_status()
    assert slack.auth_test()["ok"]


def test_the_state_has_the_shape_of_the_start_file(slack_sandbox: Sandbox) -> None:
    assert slack_sandbox.state("coreos") == COREOS | {"messages": []}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Invalid JSON"),
        ("{}", "team: Field required"),
        ('{"team": {}}', "team: Value error, name missing"),
        ('{"team": {"name": "a"}, "users": [{"id": "U1"}]}', "users.0: Value error, name missing"),
        ('{"team": {"name": "a"}, "usergroups": [7]}', "usergroups.0: Input should be an object"),
    ],
)
def test_a_malformed_start_file_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "workspace.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        load(file)
    assert str(file) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_process_serves_until_it_is_told_to_end_and_logs_no_token(tmp_path: Path) -> None:
    file, port = tmp_path / "workspace.json", free_port()
    file.write_text(json.dumps(COREOS))
    address = f"http://127.0.0.1:{port}"
    arguments = ["-m", "qontract.entrypoints.slack_sandbox", "--state", str(file), "--port", str(port)]
    with process(*arguments, ready=f"{address}/sandbox/ready") as sandbox:
        assert WebClient("xoxb-sandbox-coreos", base_url=f"{address}/api/").users_list()["ok"]
        requesting.get(f"{address}/api/users.list", params={"token": "xoxb-sandbox-coreos"}).raise_for_status()
        sandbox.send_signal(signal.SIGTERM)
        said, _ = sandbox.communicate(timeout=10)
    assert sandbox.returncode == 0
    assert said.count("users.list") == 2
    assert "xoxb" not in said
