"""What shows of an action on a GitHub team that was applied."""

from typing import Any

import pytest

from qontract.domain.github_observed import observed
from qontract.domain.github_organisation import GithubOrganisation, GithubTeam
from qontract.domain.github_teams import TeamAction, UpdateMembers
from tests.contracts.github_teams import create, delete, update_members, update_team


def seen(action: TeamAction, **fields: Any) -> TeamAction | None:
    """Return what is observed if the team of the action is there with these fields."""
    team = GithubTeam.model_validate({"name": action.team, "slug": action.slug} | fields)
    parent = GithubTeam(name="Parent", slug="parent")
    return observed(action, GithubOrganisation(name="acme", owners=("olivia",), teams=(team, parent)))


def nothing(action: TeamAction) -> TeamAction | None:
    return observed(action, GithubOrganisation(name="acme"))


@pytest.mark.parametrize("action", [create(), update_team(), update_members(added=("bob",))])
def test_of_a_team_that_is_not_there_nothing_shows(action: TeamAction) -> None:
    assert nothing(action) is None


def test_a_deleted_team_shows_by_not_being_there() -> None:
    assert nothing(delete()) == delete()
    assert seen(delete()) is None


def test_a_team_that_was_made_in_part_shows_as_it_is() -> None:
    action = create(description="x", parent="Parent", parent_slug="parent", members=("bob",), maintainers=("carol",))
    full = {"description": "x", "parent": "parent", "members": ("bob",), "maintainers": ("carol",)}
    assert seen(action, **full) == action
    part = seen(action, **full | {"members": (), "parent": None})
    assert part == action.model_copy(update={"members": (), "parent": None, "parent_slug": None})


def test_an_owner_who_is_a_maintainer_shows_as_one() -> None:
    action = create(maintainers=("olivia",))
    assert seen(action, maintainers=("olivia",)) == action


def test_who_is_invited_shows_in_the_role_that_he_was_given() -> None:
    action = create(members=("bob", "dave"), maintainers=("ivan",), invited=("dave", "ivan"))
    assert seen(action, members=("bob",), invited=("ivan", "dave")) == action


def test_settings_show_if_they_are_all_there() -> None:
    action = update_team(privacy="secret", privacy_before="closed")
    assert seen(action, description=" New ", privacy="secret") == action
    assert seen(action, description="New") is None
    assert seen(action, description="New", privacy="secret", parent="parent") is None


LISTS: dict[str, Any] = {
    "added": ("Bob", "ivan"),
    "removed": ("carol",),
    "promoted": ("dave",),
    "demoted": ("erin",),
    "invited": ("ivan",),
}
CHANGE = update_members(members=("Bob", "erin", "ivan"), maintainers=("dave",), **LISTS)
BEFORE = {"members": ("carol", "dave"), "maintainers": ("erin",)}
AFTER = {"members": ("Bob", "erin"), "maintainers": ("dave",), "invited": ("ivan",)}


def test_people_that_are_all_changed_show_as_the_action() -> None:
    assert seen(CHANGE, **AFTER) == CHANGE


def test_people_that_are_not_changed_show_nothing() -> None:
    assert seen(CHANGE, **BEFORE) is None


@pytest.mark.parametrize(
    ("there", "shows"),
    [
        ({"members": ("carol", "dave", "bob")}, {"added": ("Bob",)}),
        ({"members": ("dave",)}, {"removed": ("carol",)}),
        ({"members": ("carol",), "maintainers": ("erin", "dave")}, {"promoted": ("dave",)}),
        ({"members": ("carol", "dave", "erin"), "maintainers": ()}, {"demoted": ("erin",)}),
        ({"invited": ("ivan",)}, {"added": ("ivan",), "invited": ("ivan",)}),
    ],
)
def test_people_that_are_changed_in_part_show_the_part(there: dict[str, Any], shows: dict[str, Any]) -> None:
    part = seen(CHANGE, **BEFORE | there)
    assert isinstance(part, UpdateMembers)
    lists = {name: getattr(part, name) for name in LISTS}
    assert lists == dict.fromkeys(LISTS, ()) | shows
    team = {"members": (), "maintainers": (), "invited": ()} | BEFORE | there
    in_it = {login.lower() for logins in team.values() for login in logins}
    assert {login.lower() for login in (*part.members, *part.maintainers)} == in_it
