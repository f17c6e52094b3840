"""In memory: GitHub organisations that always do what they are asked for."""

from collections.abc import Iterable

from qontract.adapters.memory import faults
from qontract.application.github_teams import GithubTeams
from qontract.application.ports.integration import IntegrationError
from qontract.domain.github_organisation import GithubOrganisation, GithubTeam, by_login
from qontract.domain.github_teams import CreateTeam, DeleteTeam, TeamAction, UpdateMembers, UpdateTeam


class InMemoryGithubTeams(GithubTeams):
    """Keeps the organisations in `organisations`, by name. Invited people never accept."""

    fail = faults.fail

    def __init__(self, *organisations: GithubOrganisation) -> None:
        self.organisations = {organisation.name: organisation for organisation in organisations}

    def read(self, scope: str) -> GithubOrganisation:
        """Return the organisation."""
        try:
            return self.organisations[scope]
        except KeyError:
            raise IntegrationError(f"no token for the organisation {scope!r}") from None

    def apply(self, action: TeamAction) -> None:
        """Change the organisation."""
        organisation = self.read(action.organisation)
        teams = dict(organisation.by_slug())
        if (action.slug in teams) == isinstance(action, CreateTeam):
            raise IntegrationError(f"there is {'a' if action.slug in teams else 'no'} team {action.slug!r}")
        if isinstance(action, CreateTeam | UpdateTeam) and action.parent_slug not in {None, *teams}:
            raise IntegrationError(f"there is no team {action.parent_slug!r} to be its parent")
        match action:
            case CreateTeam():
                settings = action.model_dump(include={"slug", "description", "privacy"})
                made = GithubTeam(name=action.team, parent=action.parent_slug, **settings)
                teams[action.slug] = _with_people(made, action, organisation)
            case UpdateTeam(description=description, privacy=privacy, parent_slug=parent):
                changed = {"description": description, "privacy": privacy, "parent": parent}
                teams[action.slug] = teams[action.slug].model_copy(update=changed)
            case UpdateMembers():
                teams[action.slug] = _with_people(teams[action.slug], action, organisation)
            case DeleteTeam() if any(team.parent == action.slug for team in teams.values()):
                raise IntegrationError(f"the team {action.slug!r} has children, who would be deleted with it")
            case DeleteTeam():
                del teams[action.slug]
        invited = organisation.logins().keys()
        strangers = {key: login for key, login in _pending(teams.values()).items() if key not in invited}
        self.organisations[organisation.name] = organisation.model_copy(
            update={"teams": tuple(teams.values()), "invited": (*organisation.invited, *strangers.values())}
        )


def _with_people(team: GithubTeam, action: CreateTeam | UpdateMembers, organisation: GithubOrganisation) -> GithubTeam:
    """Return the team with the people of the action. Owners are maintainers; people who are not members are invited."""
    accepted = by_login((*organisation.owners, *organisation.members)).keys()
    owners = by_login(organisation.owners).keys()
    maintainers = by_login(action.maintainers).keys() | owners
    everybody = by_login((*action.members, *action.maintainers))
    return team.model_copy(
        update={
            "members": tuple(everybody[key] for key in everybody if key in accepted and key not in maintainers),
            "maintainers": tuple(everybody[key] for key in everybody if key in accepted and key in maintainers),
            "invited": tuple(everybody[key] for key in everybody if key not in accepted),
        }
    )


def _pending(teams: Iterable[GithubTeam]) -> dict[str, str]:
    return by_login(login for team in teams for login in team.invited)
