"""GitHub teams: how much of an action the organisation shows as applied."""

from collections.abc import Iterable

from qontract.domain.github_organisation import GithubOrganisation, GithubTeam, by_login
from qontract.domain.github_teams import CreateTeam, DeleteTeam, TeamAction, UpdateMembers, UpdateTeam


def observed(action: TeamAction, organisation: GithubOrganisation) -> TeamAction | None:
    """Return the action as far as it was applied; None if the organisation shows nothing of it.

    Members are changed one by one, also in a new team, so an action may be applied in part. People who are invited
    count as in the team, with the role that the action gave them.
    """
    team = organisation.by_slug().get(action.slug)
    match action:
        case DeleteTeam():
            return None if team else action
        case _ if team is None:
            return None
        case CreateTeam():
            parent = organisation.by_slug().get(team.parent or "")
            settings = {"description": team.description.strip(), "privacy": team.privacy, "parent_slug": team.parent}
            return action.model_copy(update=settings | {"parent": parent and parent.name} | _people(action, team))
        case UpdateTeam(description=description, privacy=privacy, parent_slug=parent_slug):
            there = (team.description.strip(), team.privacy, team.parent)
            return action if there == (description, privacy, parent_slug) else None
        case _:
            return _members(action, team)


def _members(action: UpdateMembers, team: GithubTeam) -> UpdateMembers | None:
    everybody, maintainers, members = team.logins(), by_login(team.maintainers), by_login(team.members)
    done = {
        "added": _logins_where(action.added, everybody),
        "removed": _logins_where(action.removed, everybody, there=False),
        "promoted": _logins_where(action.promoted, maintainers),
        "demoted": _logins_where(action.demoted, members),
    }
    if not any(done.values()):
        return None
    return action.model_copy(update=done | _people(action, team))


def _people(action: CreateTeam | UpdateMembers, team: GithubTeam) -> dict[str, tuple[str, ...]]:
    """Return the members and the maintainers of the team, and those of them whom the action invited."""
    everybody = team.logins()
    as_maintainers = by_login(action.maintainers).keys() & by_login(team.invited).keys()
    maintainers = by_login(team.maintainers).keys() | as_maintainers
    return {
        "members": tuple(login for key, login in everybody.items() if key not in maintainers),
        "maintainers": tuple(login for key, login in everybody.items() if key in maintainers),
        "invited": _logins_where(action.invited, everybody),
    }


def _logins_where(logins: Iterable[str], people: dict[str, str], *, there: bool = True) -> tuple[str, ...]:
    """Return the logins that are among the people; with `there` false, those that are not."""
    return tuple(login for login in logins if (login.casefold() in people) == there)
