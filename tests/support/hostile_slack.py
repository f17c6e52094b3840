"""Slack's adapter, in front of a server that is not to be trusted."""

import pytest

from qontract.adapters.slack import SlackApiUsergroups
from qontract.adapters.slack.slack_usergroups import SlackSettings
from qontract.application.ports.integration import IntegrationError

TOKEN = "xoxb-coreos"
MAX_ERROR_LENGTH = 700
"""Characters: the reason may have 500, and it says what was asked."""


def slack_at(url: str, *, timeout: float = 5) -> SlackApiUsergroups:
    tokens = {"coreos": TOKEN, "osbs": "xoxb-osbs"}
    return SlackApiUsergroups(SlackSettings.model_validate({"tokens": tokens, "api_url": url, "timeout": timeout}))


def refusal(slack: SlackApiUsergroups) -> str:
    """Return why reading was refused: one line that is not long."""
    with pytest.raises(IntegrationError) as caught:
        slack.read("coreos")
    return checked(caught.value, TOKEN)


def checked(error: IntegrationError, token: str) -> str:
    """Return the message, which is one line that is not long, without the token."""
    message = str(error)
    assert message.isprintable()
    assert len(message) < MAX_ERROR_LENGTH
    assert token not in message
    return message
