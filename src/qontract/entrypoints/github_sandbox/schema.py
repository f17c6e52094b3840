"""The part of GitHub's GraphQL schema that is used, as objects of an organisation."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qontract.entrypoints.github_sandbox.graphql import Object, QueryError, connection
from qontract.entrypoints.github_sandbox.organisation import SandboxOrganisation, Team

_PRIVACY = {"secret": "SECRET", "closed": "VISIBLE"}


def root(organisation: SandboxOrganisation, user: str | None) -> Object:
    """Return what queries begin with. Raises QueryError, when something that is not there is asked for."""

    def named(login: str) -> Object:
        if login.lower() != organisation.login.lower():
            raise QueryError(f"Could not resolve to an Organization with the login of '{login}'.", "NOT_FOUND")
        return _organisation(organisation)

    return {"viewer": {"login": user or "app[bot]"}, "organization": named}


def _organisation(organisation: SandboxOrganisation) -> Object:
    def people() -> Sequence[Object]:
        roles = {key: "ADMIN" if key in organisation.owners else "MEMBER" for key in organisation.people}
        return _with_roles(organisation, roles)

    def team(slug: str) -> Object | None:
        return _team(organisation, organisation.teams[slug]) if slug in organisation.teams else None

    return {
        "login": organisation.login,
        "membersWithRole": connection("membersWithRole", people),
        "pendingMembers": connection("pendingMembers", lambda: _edges(organisation.named(organisation.invited))),
        "team": team,
        "teams": connection(
            "teams", lambda: [{"node": _team(organisation, team)} for team in organisation.teams.values()]
        ),
    }


def _team(organisation: SandboxOrganisation, team: Team) -> Object:
    def members(membership: str = "ALL") -> Sequence[Object]:
        roles: Mapping[str, Callable[[], dict[str, str]]] = {
            "ALL": lambda: organisation.everybody(team.slug),
            "IMMEDIATE": lambda: team.people,
        }
        if membership not in roles:
            raise QueryError(f"Argument 'membership' has the value {membership}, which is not served here")
        return _with_roles(organisation, roles[membership]())

    parent = organisation.teams.get(team.parent or "")
    return {
        "name": team.name,
        "slug": team.slug,
        "databaseId": team.id,
        "description": team.description,
        "privacy": _PRIVACY[team.privacy],
        "parentTeam": {"name": parent.name, "slug": parent.slug, "databaseId": parent.id} if parent else None,
        "members": connection("members", members),
        "invitations": connection(
            "invitations",
            lambda: [{"node": {"invitee": {"login": login}}} for login in organisation.named(team.invited)],
        ),
    }


def _with_roles(organisation: SandboxOrganisation, roles: Mapping[str, str]) -> Sequence[Object]:
    return [{"role": role.upper(), "node": {"login": organisation.names[key]}} for key, role in sorted(roles.items())]


def _edges(logins: Sequence[str]) -> list[dict[str, Any]]:
    return [{"node": {"login": login}} for login in logins]
