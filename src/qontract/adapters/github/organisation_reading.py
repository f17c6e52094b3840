"""Reading an organisation with GraphQL: its people and teams, in pages that come together.

A page has at most 100 of everything. The people come from both ends of their list at once, and the teams with them:
that halves the calls for a large organisation, whose people are what takes the most pages.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from qontract.adapters.github.client import GithubCalls
from qontract.adapters.github.response_text import response_text
from qontract.adapters.one_line_text import one_line
from qontract.application.ports.integration import IntegrationError
from qontract.domain.github_organisation import GithubOrganisation, GithubTeam, Privacy, plain_login

# membership: IMMEDIATE leaves out the members of its children.
ORGANISATION = """
query Organisation(
  $login: String!, $first: String, $last: String, $teams: String, $invited: String,
  $morePeople: Boolean!, $moreTeams: Boolean!, $moreInvited: Boolean!
) {
  organization(login: $login) {
    first: membersWithRole(first: 100, after: $first) @include(if: $morePeople) {
      edges { role node { login } } pageInfo { hasNextPage endCursor }
    }
    last: membersWithRole(last: 100, before: $last) @include(if: $morePeople) {
      edges { role node { login } } pageInfo { hasPreviousPage startCursor }
    }
    pendingMembers(first: 100, after: $invited) @include(if: $moreInvited) {
      nodes { login } pageInfo { hasNextPage endCursor }
    }
    teams(first: 50, after: $teams) @include(if: $moreTeams) {
      nodes {
        name slug description privacy parentTeam { slug }
        members(first: 100, membership: IMMEDIATE) {
          edges { role node { login } } pageInfo { hasNextPage endCursor }
        }
        invitations(first: 100) {
          nodes { invitee { login } } pageInfo { hasNextPage endCursor }
        }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

TEAM = """
query Team(
  $login: String!, $slug: String!, $people: String, $invited: String, $morePeople: Boolean!, $moreInvited: Boolean!
) {
  organization(login: $login) {
    team(slug: $slug) {
      members(first: 100, after: $people, membership: IMMEDIATE) @include(if: $morePeople) {
        edges { role node { login } } pageInfo { hasNextPage endCursor }
      }
      invitations(first: 100, after: $invited) @include(if: $moreInvited) {
        nodes { invitee { login } } pageInfo { hasNextPage endCursor }
      }
    }
  }
}
"""

_PRIVACY: Mapping[str, Privacy] = {"SECRET": "secret", "VISIBLE": "closed"}

_PAGES = 1_000
"""Pages of an organisation, or of a team: 200,000 people."""

_Json = Mapping[str, Any]


def read_organisation(calls: GithubCalls, name: str) -> GithubOrganisation:
    """Return the organisation: a call for each 200 of its people, or 50 of its teams, or 100 who are invited.

    And one for each 100 more members of a team. Raises IntegrationError.
    """
    try:
        return _read(calls, name)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        reason = one_line(f"{type(error).__name__}: {error}")
        raise IntegrationError(f"GitHub's answer about {name!r} has not its shape: {reason}") from None


def _read(calls: GithubCalls, name: str) -> GithubOrganisation:
    first: dict[str, str] = {}
    last: dict[str, str] = {}
    invited: list[str] = []
    teams: list[GithubTeam] = []
    after: dict[str, Any] = {"morePeople": True, "moreTeams": True, "moreInvited": True}
    asked = _Asked()
    while after["morePeople"] or after["moreTeams"] or after["moreInvited"]:
        asked.ask(after)
        found = calls.query(ORGANISATION, login=name, **after)["organization"]
        if found is None:
            raise IntegrationError(f"GitHub shows no organisation {name!r} to this token")
        if after["morePeople"]:
            first |= _roles(found["first"])
            last |= _roles(found["last"])
            met = first.keys() & last.keys() or not _next(found["first"])
            after |= {"morePeople": not met, "first": _next(found["first"]), "last": _previous(found["last"])}
        if after["moreInvited"]:
            invited += [response_text(person["login"]) for person in found["pendingMembers"]["nodes"]]
            after |= {"invited": _next(found["pendingMembers"]), "moreInvited": bool(_next(found["pendingMembers"]))}
        if after["moreTeams"]:
            teams += [_team(calls, name, team) for team in found["teams"]["nodes"]]
            after |= {"teams": _next(found["teams"]), "moreTeams": bool(_next(found["teams"]))}
    people = sorted((first | last).items(), key=lambda person: plain_login(person[0]))
    return GithubOrganisation(
        name=name,
        owners=tuple(login for login, role in people if role == "ADMIN"),
        members=tuple(login for login, role in people if role != "ADMIN"),
        invited=_in_order(invited),
        teams=tuple(teams),
    )


def _team(calls: GithubCalls, organisation: str, team: _Json) -> GithubTeam:
    people = _roles(team["members"])
    invited = _invitees(team["invitations"])
    after = {"people": _next(team["members"]), "invited": _next(team["invitations"])}
    asked = _Asked()
    while any(after.values()):
        asked.ask(after)
        more = {"morePeople": bool(after["people"]), "moreInvited": bool(after["invited"])}
        found = calls.query(TEAM, login=organisation, slug=team["slug"], **after, **more)["organization"]["team"]
        if more["morePeople"]:
            people |= _roles(found["members"])
            after["people"] = _next(found["members"])
        if more["moreInvited"]:
            invited += _invitees(found["invitations"])
            after["invited"] = _next(found["invitations"])
    return GithubTeam(
        name=response_text(team["name"]),
        slug=response_text(team["slug"]),
        description=response_text(team["description"] or ""),
        privacy=_PRIVACY[team["privacy"]],
        parent=team["parentTeam"] and response_text(team["parentTeam"]["slug"]),
        members=_in_order(login for login, role in people.items() if role != "MAINTAINER"),
        maintainers=_in_order(login for login, role in people.items() if role == "MAINTAINER"),
        invited=_in_order(invited),
    )


def _roles(page: _Json) -> dict[str, str]:
    return {response_text(edge["node"]["login"]): edge["role"] for edge in page["edges"]}


def _invitees(page: _Json) -> list[str]:
    """Return who is invited by login; an invitation to an e-mail address has nobody yet."""
    return [response_text(invitation["invitee"]["login"]) for invitation in page["nodes"] if invitation["invitee"]]


class _Asked:
    """What was asked for in a paged reading, so that it has an end."""

    def __init__(self) -> None:
        self._cursors: set[frozenset[tuple[str, Any]]] = set()

    def ask(self, cursors: Mapping[str, Any]) -> None:
        """Remember the cursors that are asked for. Raises ValueError if they were before, or are too many."""
        known = len(self._cursors)
        self._cursors.add(frozenset(cursors.items()))
        if len(self._cursors) == known:
            raise ValueError("it names a next page that it named before")
        if known == _PAGES:
            raise ValueError(f"it has more than {_PAGES} pages")


def _next(page: _Json) -> str | None:
    return page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None


def _previous(page: _Json) -> str | None:
    return page["pageInfo"]["startCursor"] if page["pageInfo"]["hasPreviousPage"] else None


def _in_order(logins: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(logins, key=plain_login))
