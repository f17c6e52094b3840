"""The integration of GitHub teams, except for how GitHub is reached."""

from typing import Any, ClassVar, Protocol

from qontract.application.ports.integration import Integration
from qontract.domain import github_observed, github_plan, github_teams
from qontract.domain.events import DomainEvent
from qontract.domain.github_desired_state import DesiredOrganisation, DesiredTeams
from qontract.domain.github_organisation import GithubOrganisation
from qontract.domain.github_teams import TeamAction
from qontract.domain.integration import DesiredState, Plan


class GithubTeams(Integration[DesiredOrganisation, GithubOrganisation, TeamAction], Protocol):
    """Brings the teams of GitHub organisations, which are its scopes, to their desired state."""

    name: ClassVar[str] = "github-teams"
    desired: ClassVar[type[DesiredState[Any]]] = DesiredTeams
    events: ClassVar[tuple[type[DomainEvent], ...]] = (
        github_teams.TeamCreated,
        github_teams.TeamUpdated,
        github_teams.TeamMembersUpdated,
        github_teams.TeamDeleted,
        github_teams.TeamFailed,
        github_teams.TeamsBlocked,
    )

    def plan(self, desired: DesiredOrganisation, state: GithubOrganisation) -> Plan[TeamAction]:
        """Return what to do."""
        return github_plan.plan(desired, state)

    def observed(self, action: TeamAction, state: GithubOrganisation) -> TeamAction | None:
        """Return the action as far as the organisation shows that it was applied."""
        return github_observed.observed(action, state)
