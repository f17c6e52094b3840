"""Slack workspaces in memory."""

import pytest

from qontract.adapters.memory import InMemorySlackWorkspaces
from qontract.application.ports.slack_workspaces import SlackWorkspaces
from tests.contracts.slack_workspaces import COREOS, OSBS, SlackWorkspacesContract


class TestInMemorySlackWorkspaces(SlackWorkspacesContract):
    @pytest.fixture
    def workspaces(self) -> SlackWorkspaces:
        return InMemorySlackWorkspaces(COREOS, OSBS)
