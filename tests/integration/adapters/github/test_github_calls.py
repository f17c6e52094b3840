"""The calls that actions on GitHub's teams make, and what becomes of those that fail."""

import re

import pytest

from qontract.application.github_teams import GithubTeams
from qontract.application.ports.integration import IntegrationError
from qontract.domain.github_teams import TeamAction, UpdateMembers
from tests.contracts.github_teams import create, delete, team, update_members, update_team
from tests.support.github_sandbox import (
    CHILDREN,
    CREATE,
    DELETE,
    GET,
    MEMBERS,
    PUT,
    REMOVE,
    UPDATE,
    GithubSandbox,
)

SWAP = {"members": ("Alice",), "maintainers": ("bob", "carol"), "added": ("carol",), "removed": ("olivia", "ivan")}


@pytest.mark.parametrize(
    ("action", "calls"),
    [
        (create(), [CREATE, MEMBERS, REMOVE]),  # who makes it, with a user's token, is in it
        (create(members=("Alice",), maintainers=("olivia",)), [CREATE, MEMBERS, PUT, PUT]),
        (create(parent="Team A", parent_slug="team-a"), [GET, CREATE, MEMBERS, REMOVE]),
        (update_team(), [UPDATE]),
        (update_team(slug="hidden", privacy_before="secret", parent="Team A", parent_slug="team-a"), [GET, UPDATE]),
        (update_team(slug="k8s-io-admins", parent_slug_before="team-a"), [UPDATE]),
        (update_members(**SWAP), [PUT, REMOVE, REMOVE]),
        (update_members(members=("bob",), maintainers=("Alice",), promoted=("Alice",), demoted=("bob",)), [PUT, PUT]),
        (delete(), [CHILDREN, DELETE]),
    ],
)
def test_an_action_makes_the_calls_that_it_needs(
    github: GithubSandbox, teams: GithubTeams, action: TeamAction, calls: list[str]
) -> None:
    teams.apply(action)
    assert github.calls() == calls


def test_who_makes_a_team_with_a_users_token_is_its_maintainer_only_if_that_is_desired(teams: GithubTeams) -> None:
    teams.apply(create(members=("Alice",)))
    teams.apply(create(team="Team C", slug="team-c", maintainers=("olivia",)))
    assert team(teams, "team-b").logins().keys() == {"alice"}
    assert team(teams, "team-c").maintainers == ("olivia",)


def test_somebody_unknown_is_reported_by_name_and_the_rest_of_the_team_is_done(
    github: GithubSandbox, teams: GithubTeams
) -> None:
    action = update_members(**SWAP | {"added": ("ghost", "carol"), "members": ("Alice", "ghost")})
    with pytest.raises(IntegrationError, match=r"^the rest was done, but GitHub knows nobody called 'ghost'$"):
        teams.apply(action)
    assert github.calls() == [PUT, GET, PUT, REMOVE, REMOVE]
    after = github.team("team-a")
    assert (after["members"], after["maintainers"], after["invited"]) == (["Alice"], ["bob", "carol"], [])
    seen = teams.observed(action, teams.read("acme"))
    assert isinstance(seen, UpdateMembers)
    assert (seen.added, seen.removed, seen.members) == (("carol",), ("olivia", "ivan"), ("Alice",))


def test_somebody_unknown_in_a_new_team_is_reported_by_name_and_the_rest_of_the_team_is_made(
    teams: GithubTeams,
) -> None:
    with pytest.raises(IntegrationError, match=r"^created, but not with all of its people: .* nobody called 'ghost'$"):
        teams.apply(create(members=("ghost", "bob")))
    assert team(teams, "team-b").logins() == {"bob": "bob"}


def test_who_has_left_the_team_meanwhile_is_as_he_should_be(teams: GithubTeams) -> None:
    teams.apply(update_members(removed=("carol", "Alice"), maintainers=("bob", "olivia")))
    assert team(teams, "team-a").members == ()


def test_who_is_pending_becomes_a_member_when_he_accepts(github: GithubSandbox, teams: GithubTeams) -> None:
    assert team(teams, "team-a").invited == ("ivan",)
    github.accept("ivan")
    assert team(teams, "team-a").members == ("Alice", "ivan")
    assert teams.read("acme").invited == ()


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (create(team="Team A"), "GitHub refused POST /orgs/acme/teams: 422 Validation Failed: Name must be unique"),
        (create(parent="x", parent_slug="x"), "there is no team 'x' to be its parent"),
        (update_team(slug="x"), "GitHub refused PATCH /orgs/acme/teams/x: 404 Not Found"),
        (update_members(slug="x", added=("bob",)), "GitHub refused GET /orgs/acme/teams/x: 404 Not Found"),
        (update_members(slug="x", removed=("bob",)), "GitHub refused GET /orgs/acme/teams/x: 404 Not Found"),
        (
            delete(slug="team-a", team="Team A"),
            "'Team A' has children, which GitHub would delete with it: k8s.io-admins",
        ),
    ],
)
def test_a_refusal_says_what_was_asked_and_why_not(teams: GithubTeams, action: TeamAction, message: str) -> None:
    with pytest.raises(IntegrationError, match=f"^{re.escape(message)}"):
        teams.apply(action)
