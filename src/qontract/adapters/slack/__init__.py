"""Slack, through slack_sdk."""

from qontract.adapters.slack.event_handler import SlackEventHandler
from qontract.adapters.slack.slack_usergroups import SlackApiUsergroups

__all__ = ["SlackApiUsergroups", "SlackEventHandler"]
