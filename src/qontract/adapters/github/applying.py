"""What each action on a GitHub team is in calls."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from qontract.adapters.github.client import GithubCalls, RefusedError
from qontract.adapters.github.response_text import response_text
from qontract.adapters.one_line_text import one_line
from qontract.application.ports.integration import IntegrationError, RateLimitedError
from qontract.domain.github_organisation import by_login, plain_login
from qontract.domain.github_teams import CreateTeam, DeleteTeam, TeamAction, UpdateMembers, UpdateTeam

_OTHER_SHAPE = (LookupError, TypeError, ValueError, AttributeError, RecursionError, OverflowError)
_ABOUT_ONE_PERSON = {HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}


def apply_action(calls: GithubCalls, action: TeamAction) -> None:
    """Make the calls of the action. Raises IntegrationError."""
    try:
        _apply(calls, action)
    except _OTHER_SHAPE as error:
        raise IntegrationError(f"GitHub's answer has not its shape: {type(error).__name__}") from None


def _apply(calls: GithubCalls, action: TeamAction) -> None:
    team = _path(action.organisation, action.slug)
    match action:
        case CreateTeam():
            _create(calls, action)
        case UpdateTeam():
            calls.change("PATCH", team, **_settings(calls, action))
        case UpdateMembers():
            roles = {plain_login(login): "maintainer" for login in action.maintainers}
            _set_people(calls, team, (*action.added, *action.promoted, *action.demoted), action.removed, roles)
        case DeleteTeam():
            if children := calls.get(f"{team}/teams"):
                names = one_line(", ".join(response_text(child["name"]) for child in children))
                raise IntegrationError(f"{action.team!r} has children, which GitHub would delete with it: {names}")
            calls.delete(team)


def _create(calls: GithubCalls, action: CreateTeam) -> None:
    """Make the team with its settings, and then put its people in."""
    settings: dict[str, Any] = {"description": action.description, "privacy": action.privacy}
    if action.parent_slug:
        settings["parent_team_id"] = _id(calls, action.organisation, action.parent_slug)
    made = calls.post(f"/orgs/{quote(action.organisation)}/teams", name=action.team, **settings)
    try:
        team = _path(action.organisation, response_text(made["slug"]))
        people = (*action.members, *action.maintainers)
        roles = {plain_login(login): "maintainer" for login in action.maintainers}
        _set_people(calls, team, people, _uninvited(calls, team, people), roles)
    except _OTHER_SHAPE:
        raise IntegrationError("created, but GitHub's answer does not show it as a team") from None
    except IntegrationError as error:
        raise IntegrationError(f"created, but not with all of its people: {error}") from None


def _uninvited(calls: GithubCalls, team: str, people: Iterable[str]) -> list[str]:
    """Return who is in a new team without being asked for: who makes one with a user's token is its maintainer."""
    there = [response_text(person["login"]) for person in calls.get(f"{team}/members")]
    wanted = by_login(people)
    return [login for login in there if plain_login(login) not in wanted]


def _settings(calls: GithubCalls, action: UpdateTeam) -> dict[str, Any]:
    """Return the settings that change, as GitHub takes them."""
    settings: dict[str, Any] = {}
    if action.description != action.description_before:
        settings["description"] = action.description
    if action.privacy != action.privacy_before:
        settings["privacy"] = action.privacy
    if action.parent_slug != action.parent_slug_before:
        parent = action.parent_slug
        settings["parent_team_id"] = _id(calls, action.organisation, parent) if parent else None
    return settings


def _id(calls: GithubCalls, organisation: str, slug: str) -> int:
    """Return the id of a team. It is asked for when it is needed: the same run may have made the team."""
    try:
        return int(calls.get(_path(organisation, slug))["id"])
    except RefusedError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        raise IntegrationError(f"there is no team {slug!r} to be its parent") from None


def _set_people(
    calls: GithubCalls, team: str, put: Iterable[str], removed: Iterable[str], roles: Mapping[str, str]
) -> None:
    """Put these people in with their roles, then remove those: a team is never empty in between.

    Whom GitHub does not take is reported, after the rest was done.
    """
    people = _People(calls, team)
    for login in put:
        people.put(login, roles.get(plain_login(login), "member"))
    for login in removed:
        people.remove(login)
    if people.reasons:
        raise IntegrationError(f"the rest was done, but {'; '.join(people.reasons)}")


class _People:
    """Changes the people of one team. `reasons` says whom GitHub did not take."""

    def __init__(self, calls: GithubCalls, team: str) -> None:
        self._calls = calls
        self._team = team
        self._team_is_there = False
        self.reasons: list[str] = []

    def put(self, login: str, role: str) -> None:
        """Put somebody in, or give him another role. Raises IntegrationError, if the others cannot be either."""
        if error := self._refusal(login, partial(self._calls.change, "PUT", self._path(login), role=role)):
            unknown = error.status == HTTPStatus.NOT_FOUND
            self.reasons.append(f"GitHub knows nobody called {login!r}" if unknown else f"{login!r}: {error}")

    def remove(self, login: str) -> None:
        """Take somebody out; who is not in it any more is as he should be."""
        error = self._refusal(login, partial(self._calls.delete, self._path(login)))
        if error and error.status != HTTPStatus.NOT_FOUND:
            self.reasons.append(f"{login!r}: {error}")

    def _refusal(self, login: str, change: Callable[[], None]) -> RefusedError | None:
        """Make the change, or return why GitHub refuses it for this one person."""
        try:
            change()
        except RateLimitedError:
            raise
        except IntegrationError as error:
            if not (isinstance(error, RefusedError) and error.status in _ABOUT_ONE_PERSON):
                raise IntegrationError(f"stopped at {login!r}: {error}") from None
            if not self._team_is_there:
                self._calls.get(self._team)  # refused, if it is the team that is not there
                self._team_is_there = True
            return error
        return None

    def _path(self, login: str) -> str:
        return f"{self._team}/memberships/{quote(login)}"


def _path(organisation: str, slug: str) -> str:
    return f"/orgs/{quote(organisation)}/teams/{quote(slug)}"
