"""Slack's Web API: usergroups, and the users and channels that they are made of."""

from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from qontract.adapters.slack import responses
from qontract.adapters.slack.client import SlackClient
from qontract.adapters.slack.settings import ApiUrl
from qontract.application.ports.integration import IntegrationError
from qontract.application.slack_usergroups import SlackUsergroups
from qontract.domain.slack_usergroups import CreateUsergroup, UpdateMetadata, UpdateUsers, UsergroupAction
from qontract.domain.slack_workspace import SlackWorkspace


class SlackSettings(BaseModel):
    """`QAPI_SLACK__…`: how Slack is reached. `tokens`: workspace → bot token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_url: ApiUrl = "https://slack.com/api/"
    tokens: dict[str, SecretStr] = Field(default_factory=dict)
    timeout: float = Field(default=30, gt=0, description="Seconds for one request, its whole answer included")


class SlackApiUsergroups(SlackUsergroups):
    """Reads and changes each workspace with its bot token.

    The token needs the scopes usergroups:read, usergroups:write, users:read, users:read.email, channels:read and
    groups:read.
    """

    Settings = SlackSettings
    settings_group = "slack"

    def __init__(self, settings: SlackSettings) -> None:
        tokens = {workspace: token.get_secret_value() for workspace, token in settings.tokens.items()}
        self._tokens = tokens
        self.in_doubt_seconds = 2 * settings.timeout
        self._client = cache(
            lambda workspace: SlackClient(tokens[workspace], api_url=settings.api_url, timeout=settings.timeout)
        )

    def read(self, scope: str) -> SlackWorkspace:
        """Return the workspace: one call for all usergroups, and one for each page of users and channels."""
        slack = self._slack(scope)
        types = "public_channel,private_channel"
        users = responses.users(slack.pages("users.list"))
        channels = responses.channels(slack.pages("conversations.list", types=types, exclude_archived=True))
        return SlackWorkspace(
            name=scope,
            users=tuple(users),
            channels=tuple(channels),
            usergroups=tuple(
                responses.usergroups(slack.call("usergroups.list", include_users=True, include_disabled=True))
            ),
        )

    def apply(self, action: UsergroupAction) -> None:
        """Make the calls of the action."""
        slack = self._slack(action.workspace)
        match action:
            case CreateUsergroup():
                _create(slack, action)
            case UpdateUsers(usergroup_id=usergroup_id, user_ids=()):
                # Giving it an empty list is refused, and done all the same.
                slack.call("usergroups.disable", done="already_disabled", usergroup=usergroup_id)
            case UpdateUsers(usergroup_id=usergroup_id, user_ids=user_ids, enable=enable):
                if enable:
                    slack.call("usergroups.enable", done="already_enabled", usergroup=usergroup_id)
                members = ",".join(user_ids)
                slack.call("usergroups.users.update", midst=enable, usergroup=usergroup_id, users=members)
            case UpdateMetadata():
                slack.call(
                    "usergroups.update",
                    usergroup=action.usergroup_id,
                    description=action.description,
                    channels=",".join(action.channel_ids),
                )

    def _slack(self, workspace: str) -> SlackClient:
        if workspace not in self._tokens:
            raise IntegrationError(f"no token for the workspace {workspace!r}: add it to QAPI_SLACK__TOKENS")
        return self._client(workspace)


def _create(slack: SlackClient, action: CreateUsergroup) -> None:
    """Create the usergroup, then set what creating does not set, or not reliably."""
    created = slack.call(
        "usergroups.create", once=True, name=action.usergroup, handle=action.usergroup, description=action.description
    )
    usergroup_id = responses.created_id(created)
    steps = {
        "channels": ("usergroups.update", action.channel_ids),
        "users": ("usergroups.users.update", action.user_ids),
    }
    missing = [what for what, (_, ids) in steps.items() if ids]
    while missing:
        method, ids = steps[missing[0]]
        arguments: dict[str, Any] = {"usergroup": usergroup_id, missing[0]: ",".join(ids)}
        try:
            slack.call(method, midst=True, **arguments)
        except IntegrationError as error:
            raise IntegrationError(f"created, but without its {' and '.join(missing)}: {error}") from None
        del missing[0]
