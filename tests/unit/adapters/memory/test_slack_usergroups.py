"""Slack workspaces in memory."""

from collections.abc import Mapping
from typing import Any

import pytest

from qontract.adapters.memory import InMemorySlackUsergroups
from qontract.application.slack_usergroups import SlackUsergroups
from qontract.testing import IntegrationContract
from tests.contracts.slack_usergroups import COREOS, OSBS, SlackUsergroupsContract


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
        new = {"handle": "new", "description": "New", "users": ["alice", "carol"], "channels": ["general"]}
        usergroups = [new, {"handle": "team-a", "users": ["bob"], "description": "Team A"}]
        return {"workspaces": [{"name": "coreos", "usergroups": usergroups, "managed_usergroups": ["sleepers"]}]}

    @pytest.fixture
    def elsewhere(self) -> Mapping[str, Any]:
        usergroups = [{"handle": "new", "users": ["alice"]}, {"handle": "team-a", "users": ["bob"]}]
        return {"workspaces": [{"name": "osbs", "usergroups": usergroups}]}
