"""Slack workspaces in memory."""

from collections.abc import Mapping
from typing import Any

import pytest

from qontract.adapters.memory import InMemorySlackUsergroups
from qontract.application.slack_usergroups import SlackUsergroups
from qontract.testing import IntegrationContract
from tests.contracts.slack_usergroups import COREOS, OSBS, SlackUsergroupsContract
from tests.support.slack_desired import DESIRED, ELSEWHERE


class TestInMemorySlackUsergroups(SlackUsergroupsContract):
    @pytest.fixture
    def workspaces(self) -> SlackUsergroups:
        return InMemorySlackUsergroups(COREOS, OSBS)


class TestInMemorySlackUsergroupsAsAnIntegration(IntegrationContract):
    @pytest.fixture
    def integration(self) -> SlackUsergroups:
        return InMemorySlackUsergroups(COREOS, OSBS)

    @pytest.fixture
    def desired(self) -> Mapping[str, Any]:
        return DESIRED

    @pytest.fixture
    def elsewhere(self) -> Mapping[str, Any]:
        return ELSEWHERE
