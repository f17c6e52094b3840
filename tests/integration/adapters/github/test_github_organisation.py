"""Reading and reconciling whole organisations of GitHub: pages, calls, and a real organisation's teams."""

import json
import os
from collections import Counter
from typing import Any

import pytest

from qontract.adapters.github import GithubApiTeams
from qontract.adapters.github.settings import GithubSettings
from qontract.application.github_teams import GithubTeams
from qontract.application.ports.integration import IntegrationError
from qontract.domain.jobs import JobStatus
from qontract.testing.reconciling import reconcile
from tests.support.github_sandbox import GithubSandbox
from tests.support.paths import DATA

ORGANISATION = DATA / "kubernetes-github"


def logins(number: int) -> list[str]:
    return [f"user-{each:04}" for each in range(number)]


def organisation(**fields: Any) -> dict[str, Any]:
    return {"organisations": [{"login": "acme", "owners": ["user-0000"]} | fields]}


def test_a_small_organisation_is_one_call(github: GithubSandbox, teams: GithubTeams) -> None:
    teams.read("acme")
    assert github.calls() == ["graphql"]


@pytest.mark.parametrize(("people", "calls"), [(1, 1), (100, 1), (101, 1), (199, 1), (400, 3), (401, 3), (1_000, 6)])
def test_the_people_come_from_both_ends_of_their_list(
    github: GithubSandbox, teams: GithubTeams, people: int, calls: int
) -> None:
    github.start(organisation(members=logins(people)))
    read = teams.read("acme")
    assert [*read.owners, *read.members] == logins(people)
    assert github.calls() == ["graphql"] * calls


def test_all_pages_of_teams_of_members_and_of_invitations_are_read(github: GithubSandbox, teams: GithubTeams) -> None:
    invited = [f"invited-{each:03}" for each in range(150)]
    large = {"name": "large", "members": logins(250), "invited": invited}
    many = [{"name": f"team-{each}", "members": ["user-0001"]} for each in range(120)]
    github.start(organisation(members=logins(250), invited=invited, teams=[large, *many]))
    read = teams.read("acme")
    assert read.invited == tuple(invited)
    assert [team.name for team in read.teams] == ["large", *(team["name"] for team in many)]
    assert (*read.teams[0].maintainers, *read.teams[0].members) == tuple(logins(250))
    assert read.teams[0].invited == tuple(invited)
    assert {team.members for team in read.teams[1:]} == {("user-0001",)}
    assert github.calls() == ["graphql"] * (3 + 2)  # three pages of teams, and two more of one team's members


def test_the_listing_of_a_team_does_not_include_the_members_of_its_children(teams: GithubTeams) -> None:
    above, below, _ = teams.read("acme").teams
    assert below.parent == above.slug
    assert below.members == ("carol",)
    assert "carol" not in above.logins()


def test_no_page_of_a_team_includes_the_members_of_its_children(github: GithubSandbox, teams: GithubTeams) -> None:
    people = logins(130)
    large, child = {"name": "large", "members": people[:120]}, {"name": "child", "parent": "large", "members": people}
    github.start(organisation(members=people, teams=[large, child]))
    assert list(teams.read("acme").teams[0].logins().values()) == people[:120]


def test_reading_an_organisation_that_the_token_does_not_show_says_so(github: GithubSandbox) -> None:
    teams = GithubApiTeams(GithubSettings(api_url=github.url, tokens={"atlantis": "ghp_sandbox_acme"}))
    with pytest.raises(IntegrationError, match=r"the query Organisation: Could not resolve .* 'atlantis'"):
        teams.read("atlantis")


@pytest.mark.skipif(not ORGANISATION.exists() and "CI" not in os.environ, reason="the data is not there")
def test_a_real_organisation_is_reconciled_and_then_needs_nothing(github: GithubSandbox) -> None:
    github.start(json.loads((ORGANISATION / "organisations.json").read_text()))
    desired = json.loads((ORGANISATION / "desired-state.json").read_text())
    names = [each["name"] for each in desired["organisations"]]
    tokens = {name: f"ghp_sandbox_{name}" for name in names}
    teams = GithubApiTeams(GithubSettings(api_url=github.url, tokens=tokens, timeout=10))

    planned = reconcile(teams, desired | {"dry_run": True})
    assert github.calls() == ["graphql"] * (1 + 8)  # etcd-io, and kubernetes with 1,281 people and 285 teams
    wanted = {(each["name"], team["name"]) for each in desired["organisations"] for team in each["teams"]}
    kinds = Counter(str(action["action_type"]) for action in planned.actions)
    emptied = [action for action in planned.actions if (action["organisation"], action["team"]) not in wanted]
    assert kinds == {"create": 5, "update_members": 90 + 6}
    assert len(emptied) == 6
    assert all(action["members"] == action["maintainers"] == [] for action in emptied)

    first = reconcile(teams, desired)
    assert (first.status, first.errors) == (JobStatus.SUCCESS, ())
    assert first.applied_actions == planned.actions
    github.calls()
    second = reconcile(teams, desired)
    assert (second.status, second.actions, second.errors) == (JobStatus.SUCCESS, (), ())
    assert github.calls() == ["graphql"] * 9
