"""Slack usergroups: what is desired, what is there, the plan between the two, and the events of what was done."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from qontract.domain.events import DomainEvent, EventData
from qontract.domain.slack_workspace import SlackUsergroup, SlackWorkspace


def plain_handle(text: str) -> str:
    """Return the handle as handles are compared."""
    return text.strip().removeprefix("@").casefold()


def _user(text: str) -> str:
    return text.strip().removeprefix("@").strip()


def _channel(text: str) -> str:
    return text.strip().removeprefix("#").casefold()


def _unique(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


# Control characters are refused: CloudEvents forbids them in a subject, and nobody means them.
_UserName = Annotated[
    str,
    StringConstraints(max_length=255),
    AfterValidator(_user),
    StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]+$"),
]
WorkspaceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
Handle = Annotated[
    str, StringConstraints(max_length=80), AfterValidator(plain_handle), StringConstraints(pattern=r"^[\w.-]+$")
]
ChannelName = Annotated[
    str, StringConstraints(max_length=120), AfterValidator(_channel), StringConstraints(pattern=r"^\S+$")
]
Description = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=1000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$")
]


class DesiredUsergroup(BaseModel):
    """A usergroup as it should be. A user is an e-mail address or a Slack name; None leaves a field as it is in Slack.

    Order, repetition, `@`, `#`, letter case and blank space around text mean nothing. A group without users is emptied.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    handle: Handle
    users: Annotated[tuple[_UserName, ...], Field(max_length=10_000, fail_fast=True), AfterValidator(_unique)]
    description: Description | None = None
    channels: (
        Annotated[tuple[ChannelName, ...], Field(max_length=1_000, fail_fast=True), AfterValidator(_unique)] | None
    ) = None


class DesiredWorkspace(BaseModel):
    """The usergroups of one workspace. Those in `managed_usergroups` that are not desired (any more) are emptied."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: WorkspaceName
    usergroups: Annotated[tuple[DesiredUsergroup, ...], Field(max_length=20_000, fail_fast=True)]
    managed_usergroups: (
        Annotated[tuple[Handle, ...], Field(max_length=20_000, fail_fast=True), AfterValidator(_unique)] | None
    ) = None

    @model_validator(mode="after")
    def _each_handle_once(self) -> Self:
        _refuse_repeated("usergroup", (usergroup.handle for usergroup in self.usergroups))
        return self


class DesiredState(BaseModel):
    """What a reconcile is asked for. A dry run, the default, plans and changes nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workspaces: Annotated[tuple[DesiredWorkspace, ...], Field(min_length=1, max_length=100, fail_fast=True)]
    dry_run: bool = Field(default=True, strict=True)

    @model_validator(mode="after")
    def _each_workspace_once(self) -> Self:
        _refuse_repeated("workspace", (workspace.name for workspace in self.workspaces))
        return self


def _refuse_repeated(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name!r} is given more than once")
        seen.add(name)


class CreateUsergroup(EventData):
    """Make a usergroup with its description, members and channels. Names are for people, ids for Slack."""

    action_type: Literal["create"] = "create"
    workspace: str = Field(examples=["coreos"])
    usergroup: str = Field(examples=["team-a"])
    description: str = Field(examples=["The people of team A"])
    users: tuple[str, ...] = Field(examples=[("alice", "bob")])
    user_ids: tuple[str, ...] = Field(examples=[("U01ALICE", "U02BOB")])
    channels: tuple[str, ...] = Field(examples=[("team-a",)])
    channel_ids: tuple[str, ...] = Field(examples=[("C01TEAMA",)])


class UpdateUsers(EventData):
    """Give a usergroup exactly these members; enable it first if it is disabled. No members: disable it."""

    action_type: Literal["update_users"] = "update_users"
    workspace: str = Field(examples=["coreos"])
    usergroup: str = Field(examples=["team-a"])
    usergroup_id: str = Field(examples=["S01TEAMA"])
    users: tuple[str, ...] = Field(examples=[("alice", "carol")])
    user_ids: tuple[str, ...] = Field(examples=[("U01ALICE", "U03CAROL")])
    users_to_add: tuple[str, ...] = Field(examples=[("carol",)])
    users_to_remove: tuple[str, ...] = Field(examples=[("bob",)])
    enable: bool = Field(default=False, examples=[False])


class UpdateMetadata(EventData):
    """Give a usergroup this description and exactly these default channels."""

    action_type: Literal["update_metadata"] = "update_metadata"
    workspace: str = Field(examples=["coreos"])
    usergroup: str = Field(examples=["team-a"])
    usergroup_id: str = Field(examples=["S01TEAMA"])
    description: str = Field(examples=["The people of team A"])
    channels: tuple[str, ...] = Field(examples=[("team-a",)])
    channel_ids: tuple[str, ...] = Field(examples=[("C01TEAMA",)])


Action = CreateUsergroup | UpdateUsers | UpdateMetadata


class Failure(EventData):
    """What could not be done, and why. Without `usergroup`, nothing of the workspace could."""

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
    data: Failure


def applied(action: Action, correlation_id: str | None = None) -> DomainEvent:
    """Return the event of an action that was applied."""
    subject = f"{action.workspace}/{action.usergroup}"
    match action:
        case CreateUsergroup():
            return UsergroupCreated(subject=subject, data=action, correlation_id=correlation_id)
        case UpdateUsers():
            return UsergroupUsersUpdated(subject=subject, data=action, correlation_id=correlation_id)
        case UpdateMetadata():
            return UsergroupMetadataUpdated(subject=subject, data=action, correlation_id=correlation_id)


def failed(failure: Failure, correlation_id: str | None = None) -> DomainEvent:
    """Return the event of a failure."""
    subject = f"{failure.workspace}/{failure.usergroup}" if failure.usergroup else failure.workspace
    return UsergroupFailed(subject=subject, data=failure, correlation_id=correlation_id)


class Plan(BaseModel):
    """The actions that bring a workspace to its desired state, and what of that state cannot be reached."""

    model_config = ConfigDict(frozen=True)

    actions: tuple[Action, ...]
    errors: tuple[str, ...]


class _Names(NamedTuple):
    """Members and default channels of a usergroup: their names, by id."""

    users: dict[str, str]
    channels: dict[str, str]


def plan(desired: DesiredWorkspace, current: SlackWorkspace) -> Plan:
    """Compare by meaning, and return what to do. Only desired and managed handles are looked at.

    A name that Slack does not know is an error, and the rest of its group is planned without it. Where none of a list
    is known, the list is left as it is: nobody asked for it to be emptied.
    """
    users, channels = current.user_directory(), current.channel_directory()
    groups = {plain_handle(group.handle): group for group in current.usergroups}
    actions: list[Action] = []
    errors: list[str] = []
    for wanted in (*desired.usergroups, *_no_longer_desired(desired, groups)):
        where = f"{desired.name}/{wanted.handle}"
        members, unknown_users = users.find(wanted.users, where)
        defaults, unknown_channels = channels.find(wanted.channels or (), where)
        errors += unknown_users + unknown_channels
        after = _Names(members, defaults)
        if group := groups.get(wanted.handle):
            before = _Names(users.named(group.user_ids if group.enabled else ()), channels.named(group.channel_ids))
            actions += _update(desired.name, wanted, group, before, after)
        else:
            actions.append(_create(desired.name, wanted, after))
    return Plan(actions=tuple(actions), errors=tuple(errors))


def _no_longer_desired(desired: DesiredWorkspace, groups: Mapping[str, SlackUsergroup]) -> Iterator[DesiredUsergroup]:
    wanted = {usergroup.handle for usergroup in desired.usergroups}
    for handle in desired.managed_usergroups or ():
        if handle in groups and handle not in wanted:
            yield DesiredUsergroup(handle=handle, users=())


def _create(workspace: str, wanted: DesiredUsergroup, after: _Names) -> CreateUsergroup:
    return CreateUsergroup(
        workspace=workspace,
        usergroup=wanted.handle,
        description=wanted.description or "",
        users=tuple(after.users.values()),
        user_ids=tuple(after.users),
        channels=tuple(after.channels.values()),
        channel_ids=tuple(after.channels),
    )


def _update(
    workspace: str, wanted: DesiredUsergroup, group: SlackUsergroup, before: _Names, after: _Names
) -> list[Action]:
    users = before.users if wanted.users and not after.users else after.users
    channels = before.channels if not after.channels and wanted.channels != () else after.channels
    description = group.description.strip() if wanted.description is None else wanted.description
    if not users and not group.enabled:
        return []
    actions: list[Action] = []
    if users.keys() != before.users.keys():
        actions.append(
            UpdateUsers(
                workspace=workspace,
                usergroup=wanted.handle,
                usergroup_id=group.id,
                users=tuple(users.values()),
                user_ids=tuple(users),
                users_to_add=tuple(name for id_, name in users.items() if id_ not in before.users),
                users_to_remove=tuple(name for id_, name in before.users.items() if id_ not in users),
                enable=not group.enabled,
            )
        )
    if description != group.description.strip() or channels.keys() != before.channels.keys():
        metadata = UpdateMetadata(
            workspace=workspace,
            usergroup=wanted.handle,
            usergroup_id=group.id,
            description=description,
            channels=tuple(channels.values()),
            channel_ids=tuple(channels),
        )
        # Slack changes enabled groups only: after the users enable it, and before their absence disables it.
        actions.insert(len(actions) if users else 0, metadata)
    return actions
