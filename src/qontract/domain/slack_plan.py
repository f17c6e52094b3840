"""Slack usergroups: the plan that leads to the desired state, and how much of an action Slack shows as applied."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from qontract.domain.integration import Plan
from qontract.domain.jobs import first_errors
from qontract.domain.slack_desired_state import DesiredUsergroup, DesiredWorkspace, plain_handle
from qontract.domain.slack_usergroups import CreateUsergroup, UpdateMetadata, UpdateUsers, UsergroupAction
from qontract.domain.slack_workspace import SlackUsergroup, SlackWorkspace


class _Names(NamedTuple):
    """The names of a usergroup's members and default channels, by id."""

    users: dict[str, str]
    channels: dict[str, str]


def plan(desired: DesiredWorkspace, current: SlackWorkspace) -> Plan[UsergroupAction]:
    """Return what to do for the usergroups that are desired or managed. Names are compared by meaning.

    A name that Slack does not know is an error, and its group is planned without it. If Slack knows no name of a list,
    the plan leaves the list as it is: nobody asked for it to be emptied.
    """
    users, channels = current.user_directory(), current.channel_directory()
    groups = {plain_handle(group.handle): group for group in current.usergroups}
    actions: list[UsergroupAction] = []
    errors: tuple[str, ...] = ()
    left_out = 0
    for wanted in (*desired.usergroups, *_no_longer_desired(desired, groups)):
        where = f"{desired.name}/{wanted.handle}"
        members, unknown_users = users.find(wanted.users, where)
        defaults, unknown_channels = channels.find(wanted.channels or (), where)
        errors, more = first_errors((*errors, *unknown_users, *unknown_channels))
        left_out += more
        after = _Names(members, defaults)
        if group := groups.get(wanted.handle):
            before = _Names(users.named(group.user_ids if group.enabled else ()), channels.named(group.channel_ids))
            actions += _update(desired.name, wanted, group, before, after)
        else:
            actions.append(_create(desired.name, wanted, after))
    memberships = sum(len(users.named(group.user_ids)) for group in current.usergroups if group.enabled)
    return Plan(tuple(actions), memberships, errors, left_out)


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
) -> list[UsergroupAction]:
    users = before.users if wanted.users and not after.users else after.users
    if not users and not group.enabled:
        return []
    members = _update_users(workspace, group, before.users, users)
    metadata = _update_metadata(workspace, wanted, group, before.channels, after.channels)
    # Slack changes only enabled groups: users enable a group, and a group without users is disabled.
    return [*members, *metadata] if users else [*metadata, *members]


def _update_users(
    workspace: str, group: SlackUsergroup, before: Mapping[str, str], users: Mapping[str, str]
) -> list[UsergroupAction]:
    if users.keys() == before.keys():
        return []
    return [
        UpdateUsers(
            workspace=workspace,
            usergroup=plain_handle(group.handle),
            usergroup_id=group.id,
            users=tuple(users.values()),
            user_ids=tuple(users),
            users_to_add=tuple(name for id_, name in users.items() if id_ not in before),
            users_to_remove=tuple(name for id_, name in before.items() if id_ not in users),
            enable=not group.enabled,
        )
    ]


def _update_metadata(
    workspace: str, wanted: DesiredUsergroup, group: SlackUsergroup, before: Mapping[str, str], after: Mapping[str, str]
) -> list[UsergroupAction]:
    description_before = group.description.strip()
    description = description_before if wanted.description is None else wanted.description
    channels = before if not after and wanted.channels != () else after
    if description == description_before and channels.keys() == before.keys():
        return []
    return [
        UpdateMetadata(
            workspace=workspace,
            usergroup=wanted.handle,
            usergroup_id=group.id,
            description=description,
            channels=tuple(channels.values()),
            channel_ids=tuple(channels),
            description_before=description_before,
            channels_before=tuple(before.values()),
        )
    ]


def observed(action: UsergroupAction, workspace: SlackWorkspace) -> UsergroupAction | None:
    """Return the action as far as it was applied; None if the workspace shows nothing of it.

    Creating or enabling a usergroup takes several calls to Slack, so such an action may be applied in part.
    """
    group = next((group for group in workspace.usergroups if plain_handle(group.handle) == action.usergroup), None)
    if group is None:
        return None
    users = workspace.user_directory().named(group.user_ids if group.enabled else ())
    channels = workspace.channel_directory().named(group.channel_ids)
    description = group.description.strip()
    members = {"users": tuple(users.values()), "user_ids": tuple(users)}
    match action:
        case CreateUsergroup():
            defaults = {"channels": tuple(channels.values()), "channel_ids": tuple(channels)}
            return action.model_copy(update={"description": description} | members | defaults)
        case UpdateUsers(enable=True) if group.enabled:
            return action.model_copy(update=members | {"users_to_add": members["users"]})
        case UpdateUsers() if users.keys() == set(action.user_ids):
            return action
        case UpdateMetadata() if description == action.description and channels.keys() == set(action.channel_ids):
            return action
    return None
