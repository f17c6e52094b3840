"""Slack, through slack_sdk."""

from qontract.adapters.slack.event_handler import SlackEventHandler
from qontract.adapters.slack.slack_workspaces import SlackApiWorkspaces

__all__ = ["SlackApiWorkspaces", "SlackEventHandler"]
