"""The operations of GitHub's REST API that are used, under GitHub's own names and in its shapes."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from qontract.entrypoints.github_sandbox.organisation import SandboxOrganisation, Team

_TEAMS = "/orgs/{org}/teams"
_TEAM = f"{_TEAMS}/{{slug}}"
_MEMBERSHIP = f"{_TEAM}/memberships/{{login}}"

Parameters = Mapping[str, Any]
"""Those of the path, and the `user` of the token, None for an App."""
Body = dict[str, Any]
Answer = tuple[int, Any]


class Operation(NamedTuple):
    """One operation. `answer` returns the status and the body; it raises Refusal."""

    name: str
    verb: str
    path: str
    answer: Callable[[SandboxOrganisation, Parameters, Body], Answer]


def _create(organisation: SandboxOrganisation, parameters: Parameters, body: Body) -> Answer:
    return 201, _shown(organisation, organisation.create(body, parameters["user"]))


def _get(organisation: SandboxOrganisation, parameters: Parameters, _: Body) -> Answer:
    return 200, _shown(organisation, organisation.team(parameters["slug"]))


def _update(organisation: SandboxOrganisation, parameters: Parameters, body: Body) -> Answer:
    return 200, _shown(organisation, organisation.update(parameters["slug"], body))


def _delete(organisation: SandboxOrganisation, parameters: Parameters, _: Body) -> Answer:
    organisation.delete(parameters["slug"])
    return 204, None


def _children(organisation: SandboxOrganisation, parameters: Parameters, _: Body) -> Answer:
    return 200, [_shown(organisation, team) for team in organisation.children(parameters["slug"])[:30]]


def _members(organisation: SandboxOrganisation, parameters: Parameters, _: Body) -> Answer:
    everybody = organisation.named(organisation.everybody(parameters["slug"]))
    return 200, [{"login": login, "type": "User"} for login in everybody[:30]]


def _put(organisation: SandboxOrganisation, parameters: Parameters, body: Body) -> Answer:
    return 200, organisation.put(parameters["slug"], parameters["login"], body.get("role", "member"))


def _remove(organisation: SandboxOrganisation, parameters: Parameters, _: Body) -> Answer:
    organisation.remove(parameters["slug"], parameters["login"])
    return 204, None


OPERATIONS = (
    Operation("teams/create", "POST", _TEAMS, _create),
    Operation("teams/get-by-name", "GET", _TEAM, _get),
    Operation("teams/update-in-org", "PATCH", _TEAM, _update),
    Operation("teams/delete-in-org", "DELETE", _TEAM, _delete),
    Operation("teams/list-child-in-org", "GET", f"{_TEAM}/teams", _children),
    Operation("teams/list-members-in-org", "GET", f"{_TEAM}/members", _members),
    Operation("teams/add-or-update-membership-for-user-in-org", "PUT", _MEMBERSHIP, _put),
    Operation("teams/remove-membership-for-user-in-org", "DELETE", _MEMBERSHIP, _remove),
)


def _shown(organisation: SandboxOrganisation, team: Team) -> Body:
    """Return a team as GitHub shows it."""
    plain = {"id": team.id, "name": team.name, "slug": team.slug, "description": team.description}
    shown = plain | {"privacy": team.privacy, "notification_setting": "notifications_enabled", "permission": "pull"}
    parent = organisation.teams.get(team.parent or "")
    return shown | {"parent": _shown(organisation, parent) if parent else None}
