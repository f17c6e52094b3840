"""Slack's usergroups through slack_sdk, against the sandbox: what every integration promises."""

from collections.abc import Mapping
from typing import Any

import pytest

from qontract.adapters.slack import SlackApiUsergroups
from qontract.adapters.slack.slack_usergroups import SlackSettings
from qontract.application.slack_usergroups import SlackUsergroups
from qontract.testing import IntegrationContract
from tests.support.slack_desired import DESIRED, ELSEWHERE
from tests.support.slack_sandbox import Sandbox

TOKENS = {"coreos": "xoxb-sandbox-coreos", "osbs": "xoxb-sandbox-osbs"}


class TestSlackApiUsergroupsAsAnIntegration(IntegrationContract):
    @pytest.fixture
    def integration(self, slack_sandbox: Sandbox) -> SlackUsergroups:
        return SlackApiUsergroups(SlackSettings.model_validate({"tokens": TOKENS, "api_url": slack_sandbox.url}))

    @pytest.fixture
    def desired(self) -> Mapping[str, Any]:
        return DESIRED

    @pytest.fixture
    def elsewhere(self) -> Mapping[str, Any]:
        return ELSEWHERE
