"""Slack's Web API: usergroups, and the users and channels that they are made of."""

from collections.abc import Mapping
from functools import cache
from html import unescape
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from qontract.adapters.slack.client import SlackClient
from qontract.application.ports.integration import IntegrationError
from qontract.application.slack_usergroups import SlackUsergroups
from qontract.domain.slack_usergroups import CreateUsergroup, UpdateMetadata, UpdateUsers, UsergroupAction
from qontract.domain.slack_workspace import SlackChannel, SlackUser, SlackUsergroup, SlackWorkspace


class SlackSettings(BaseModel):
    """`QAPI_SLACK__…`: how Slack is reached. `tokens`: workspace → bot token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_url: Annotated[str, StringConstraints(pattern=r"^https?://\S+/$")] = "https://slack.com/api/"
    tokens: dict[str, SecretStr] = Field(default_factory=dict)
    timeout: float = Field(default=30, gt=0, description="Seconds for one call")


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
        try:
            return SlackWorkspace(
                name=scope,
                users=tuple(map(_user, slack.pages("users.list", "members"))),
                channels=tuple(
                    SlackChannel(id=channel["id"], name=channel["name"])
                    for channel in slack.pages("conversations.list", "channels", types=types, exclude_archived=True)
                ),
                usergroups=tuple(
                    map(
                        _usergroup,
                        slack.call("usergroups.list", include_users=True, include_disabled=True)["usergroups"],
                    )
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise IntegrationError(f"Slack's answer about {scope!r} has not its shape: {error!r}") from None

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
    try:
        usergroup_id = created["usergroup"]["id"]
    except (KeyError, TypeError):
        raise IntegrationError("Slack's answer to usergroups.create has no usergroup in it") from None
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


def _user(user: Mapping[str, Any]) -> SlackUser:
    grid_id = (user.get("enterprise_user") or {}).get("id")
    return SlackUser(
        id=user["id"],
        name=user["name"],
        email=(user.get("profile") or {}).get("email"),
        other_ids=(grid_id,) if grid_id and grid_id != user["id"] else (),
        active=not user.get("deleted", False),
    )


def _usergroup(group: Mapping[str, Any]) -> SlackUsergroup:
    defaults = group.get("prefs") or {}
    return SlackUsergroup(
        id=group["id"],
        handle=group["handle"],
        description=unescape(group.get("description") or ""),
        user_ids=tuple(group.get("users") or ()),
        channel_ids=(*(defaults.get("channels") or ()), *(defaults.get("groups") or ())),  # groups: private channels
        enabled=not group.get("date_delete"),
    )
