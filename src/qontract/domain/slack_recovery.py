"""What a Slack workspace shows of an action that was perhaps applied."""

from qontract.domain.slack_usergroups import Action, CreateUsergroup, UpdateMetadata, UpdateUsers, plain_handle
from qontract.domain.slack_workspace import SlackWorkspace


def seen(action: Action, workspace: SlackWorkspace) -> Action | None:
    """Return the action as far as it was applied; None if the workspace shows nothing of it.

    Slack takes several calls for creating a usergroup, and for enabling one: they may have been done in part.
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
