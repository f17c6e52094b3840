"""Slack workspaces in memory."""

import pytest
from qontract.application.slack_usergroups import SlackUsergroups

from qontract.adapters.memory import InMemorySlackUsergroups
from tests.contracts.slack_usergroups import COREOS, OSBS, SlackUsergroupsContract


class TestInMemorySlackUsergroups(SlackUsergroupsContract):
    @pytest.fixture
    def workspaces(self) -> SlackUsergroups:
        return InMemorySlackUsergroups(COREOS, OSBS)
