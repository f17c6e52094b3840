"""In memory: Slack workspaces that always do what they are asked for."""

from itertools import count

from qontract.adapters.memory import faults
from qontract.application.ports.integration import IntegrationError
from qontract.application.slack_usergroups import SlackUsergroups
from qontract.domain.slack_usergroups import CreateUsergroup, UpdateMetadata, UpdateUsers, UsergroupAction
from qontract.domain.slack_workspace import SlackUsergroup, SlackWorkspace


class InMemorySlackUsergroups(SlackUsergroups):
    """Keeps the workspaces in `workspaces`, by name."""

    fail = faults.fail

    def __init__(self, *workspaces: SlackWorkspace) -> None:
        self.workspaces = {workspace.name: workspace for workspace in workspaces}

    def read(self, scope: str) -> SlackWorkspace:
        """Return the workspace."""
        try:
            return self.workspaces[scope]
        except KeyError:
            raise IntegrationError(f"no token for the workspace {scope!r}") from None

    def apply(self, action: UsergroupAction) -> None:
        """Change the workspace."""
        workspace = self.read(action.workspace)
        groups = {group.id: group for group in workspace.usergroups}
        match action:
            case CreateUsergroup() if action.usergroup in {group.handle.casefold() for group in groups.values()}:
                raise IntegrationError(f"a usergroup {action.usergroup!r} is there already")
            case CreateUsergroup():
                changed = SlackUsergroup(
                    id=next(id_ for number in count() if (id_ := f"S{number:08}") not in groups),
                    handle=action.usergroup,
                    description=action.description,
                    user_ids=action.user_ids,
                    channel_ids=action.channel_ids,
                )
            case _ if action.usergroup_id not in groups:
                raise IntegrationError(f"there is no usergroup {action.usergroup!r}")
            case UpdateUsers(user_ids=user_ids):
                group = groups[action.usergroup_id]
                changed = group.model_copy(update={"enabled": bool(user_ids), "user_ids": user_ids or group.user_ids})
            case UpdateMetadata(description=description, channel_ids=channel_ids):
                changed = groups[action.usergroup_id].model_copy(
                    update={"description": description, "channel_ids": channel_ids}
                )
        groups[changed.id] = changed
        self.workspaces[workspace.name] = workspace.model_copy(update={"usergroups": tuple(groups.values())})
