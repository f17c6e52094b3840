"""The limits of the rate that the Slack sandbox keeps."""

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from qontract.entrypoints.sandbox_server import RateLimits
from qontract.entrypoints.slack_sandbox import create_app
from qontract.entrypoints.slack_sandbox.workspace import SandboxWorkspace, StartFile
from tests.support.slack_sandbox import COREOS, OSBS, Sandbox


def test_the_real_limits_are_kept_for_each_write_method_and_workspace(sandbox_server: Sandbox) -> None:
    workspaces = [SandboxWorkspace(StartFile.model_validate(file)) for file in (COREOS, OSBS)]
    sandbox_server._app = create_app(workspaces, RateLimits(60, clock=lambda: 0.0))
    slack = WebClient("xoxb-sandbox-coreos", base_url=sandbox_server.url, retry_handlers=[])
    for _ in range(20):
        slack.usergroups_update(usergroup="S1", description="x")
    with pytest.raises(SlackApiError, match="ratelimited") as caught:
        slack.usergroups_update(usergroup="S1", description="x")
    assert (caught.value.response.status_code, caught.value.response.headers["retry-after"]) == (429, "1")
    assert slack.usergroups_users_update(usergroup="S1", users="U1")["ok"]
    assert slack.usergroups_list()["ok"]
    other = WebClient("xoxb-sandbox-osbs", base_url=sandbox_server.url, retry_handlers=[])
    assert other.usergroups_update(usergroup="S8", description="x")["ok"]
