"""Slack usergroups: the actions on them, and the events of applied actions."""

from typing import Literal

from pydantic import Field

from qontract.domain.events import DomainEvent, EventData
from qontract.domain.integration import Action, BlockedPlan, quoted


class _OnUsergroup(Action):
    workspace: str = Field(examples=["coreos"])
    usergroup: str = Field(examples=["team-a"])

    @property
    def subject(self) -> str:
        """The usergroup, in its workspace."""
        return f"{self.workspace}/{self.usergroup}"


class CreateUsergroup(_OnUsergroup):
    """Create a usergroup with its description, members and channels. Names are for people, ids for Slack."""

    action_type: Literal["create"] = "create"
    description: str = Field(examples=["The people of team A"])
    users: tuple[str, ...] = Field(examples=[("alice", "bob")])
    user_ids: tuple[str, ...] = Field(examples=[("U01ALICE", "U02BOB")])
    channels: tuple[str, ...] = Field(examples=[("team-a",)])
    channel_ids: tuple[str, ...] = Field(examples=[("C01TEAMA",)])

    @property
    def summary(self) -> str:
        """The description, users and channels of the new usergroup."""
        parts = (quoted(self.description), *(f"+{user}" for user in self.users), _hashed(self.channels))
        return " ".join(filter(None, parts)) or "without users"

    @property
    def creates(self) -> bool:
        """True: it creates its subject."""
        return True


class UpdateUsers(_OnUsergroup):
    """Give a usergroup exactly these members. It is enabled first if it is disabled; without members it is disabled."""

    action_type: Literal["update_users"] = "update_users"
    usergroup_id: str = Field(examples=["S01TEAMA"])
    users: tuple[str, ...] = Field(examples=[("alice", "carol")])
    user_ids: tuple[str, ...] = Field(examples=[("U01ALICE", "U03CAROL")])
    users_to_add: tuple[str, ...] = Field(examples=[("carol",)])
    users_to_remove: tuple[str, ...] = Field(examples=[("bob",)])
    enable: bool = Field(default=False, examples=[False])

    @property
    def summary(self) -> str:
        """Who is added and who is removed."""
        changes = (*(f"+{user}" for user in self.users_to_add), *(f"-{user}" for user in self.users_to_remove))
        return " ".join(("enabled:", *changes) if self.enable else changes)

    @property
    def removes(self) -> tuple[str, ...]:
        """Whom it removes."""
        return self.users_to_remove


class UpdateMetadata(_OnUsergroup):
    """Give a usergroup this description and exactly these default channels."""

    action_type: Literal["update_metadata"] = "update_metadata"
    usergroup_id: str = Field(examples=["S01TEAMA"])
    description: str = Field(examples=["The people of team A"])
    channels: tuple[str, ...] = Field(examples=[("team-a",)])
    channel_ids: tuple[str, ...] = Field(examples=[("C01TEAMA",)])
    description_before: str | None = Field(default=None, examples=["Team A"])
    channels_before: tuple[str, ...] | None = Field(default=None, examples=[("general",)])

    @property
    def summary(self) -> str:
        """The old and the new description and channels, as far as they differ."""
        parts = []
        if self.description != self.description_before:
            parts.append(f"{quoted(self.description_before) or 'none'} → {quoted(self.description) or 'none'}")
        if self.channels != self.channels_before:
            parts.append(f"{_hashed(self.channels_before or ()) or 'none'} → {_hashed(self.channels) or 'none'}")
        return ", ".join(parts)


UsergroupAction = CreateUsergroup | UpdateUsers | UpdateMetadata


def _hashed(channels: tuple[str, ...]) -> str:
    return " ".join(f"#{channel}" for channel in channels)


class UsergroupFailure(EventData):
    """What failed, and why. Without a `usergroup`, the whole workspace failed."""

    workspace: str = Field(examples=["coreos"])
    usergroup: str | None = Field(default=None, examples=["team-a"])
    action_type: str | None = Field(default=None, examples=["update_users"])
    error: str = Field(examples=["Slack refused usergroups.users.update: invalid_users"])


class UsergroupCreated(DomainEvent):
    """A usergroup was created, with its description, members and channels."""

    type: Literal["qontract-api.slack-usergroups.create"] = "qontract-api.slack-usergroups.create"
    data: CreateUsergroup


class UsergroupUsersUpdated(DomainEvent):
    """The members of a usergroup were changed."""

    type: Literal["qontract-api.slack-usergroups.update_users"] = "qontract-api.slack-usergroups.update_users"
    data: UpdateUsers


class UsergroupMetadataUpdated(DomainEvent):
    """The description or the default channels of a usergroup were changed."""

    type: Literal["qontract-api.slack-usergroups.update_metadata"] = "qontract-api.slack-usergroups.update_metadata"
    data: UpdateMetadata


class UsergroupFailed(DomainEvent):
    """An action on a usergroup, or the reading of a workspace, failed."""

    type: Literal["qontract-api.slack-usergroups.error"] = "qontract-api.slack-usergroups.error"
    data: UsergroupFailure


class UsergroupsBlocked(DomainEvent):
    """A guard stopped the plan of a workspace: nothing of it was applied."""

    type: Literal["qontract-api.slack-usergroups.blocked"] = "qontract-api.slack-usergroups.blocked"
    data: BlockedPlan
