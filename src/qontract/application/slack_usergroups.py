"""The integration of Slack usergroups, except for how Slack is reached."""

from typing import Any, ClassVar, Protocol

from qontract.application.ports.integration import Integration
from qontract.domain import slack_plan, slack_usergroups
from qontract.domain.events import DomainEvent, EventData
from qontract.domain.integration import DesiredState, Failure, Plan
from qontract.domain.slack_desired_state import DesiredUsergroups, DesiredWorkspace
from qontract.domain.slack_usergroups import UsergroupAction
from qontract.domain.slack_workspace import SlackWorkspace


class SlackUsergroups(Integration[DesiredWorkspace, SlackWorkspace, UsergroupAction], Protocol):
    """Brings the usergroups of Slack workspaces, which are its scopes, to their desired state."""

    name: ClassVar[str] = "slack-usergroups"
    desired: ClassVar[type[DesiredState[Any]]] = DesiredUsergroups
    events: ClassVar[tuple[type[DomainEvent], ...]] = (
        slack_usergroups.UsergroupCreated,
        slack_usergroups.UsergroupUsersUpdated,
        slack_usergroups.UsergroupMetadataUpdated,
        slack_usergroups.UsergroupFailed,
        slack_usergroups.UsergroupsBlocked,
    )

    def plan(self, desired: DesiredWorkspace, state: SlackWorkspace) -> Plan[UsergroupAction]:
        """Return what to do."""
        return slack_plan.plan(desired, state)

    def observed(self, action: UsergroupAction, state: SlackWorkspace) -> UsergroupAction | None:
        """Return the action as far as the workspace shows that it was applied."""
        return slack_plan.observed(action, state)

    def failure(self, failure: Failure) -> EventData:
        """Return what the event of a failure says, in Slack's words."""
        _, _, usergroup = failure.subject.partition("/")
        return slack_usergroups.UsergroupFailure(
            workspace=failure.scope,
            usergroup=usergroup or None,
            action_type=failure.action_type,
            error=failure.error,
        )
