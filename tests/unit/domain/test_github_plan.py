"""The plan of a GitHub organisation: people, and which teams are looked at."""

from typing import Any

import pytest

from qontract.domain.github_desired_state import DesiredOrganisation
from qontract.domain.github_organisation import GithubOrganisation, GithubTeam
from qontract.domain.github_plan import plan
from qontract.domain.github_teams import TeamAction
from qontract.domain.integration import Plan
from qontract.domain.jobs import MAX_ERRORS

PEOPLE = {"owners": ("olivia",), "members": ("Alice", "bob", "carol"), "invited": ("ivan",)}
TEAM_A = GithubTeam(
    name="Team A", slug="team-a", description="Us", members=("Alice",), maintainers=("bob",), invited=("ivan",)
)


def planned(*teams: dict[str, Any], there: tuple[GithubTeam, ...] = (TEAM_A,), **more: Any) -> Plan[TeamAction]:
    desired = DesiredOrganisation.model_validate({"name": "acme", "teams": list(teams)} | more)
    return plan(desired, GithubOrganisation(name="acme", teams=there, **PEOPLE))


def team(name: str = "Team A", **fields: Any) -> dict[str, Any]:
    return {"name": name, "members": ["alice", "ivan"], "maintainers": ["bob"]} | fields


def summaries(plan: Plan[TeamAction]) -> list[str]:
    return [f"{action.action_type} {action.subject}: {action.summary}" for action in plan.actions]


def test_logins_differ_in_case_only() -> None:
    assert summaries(planned(team(members=["ALICE", "Ivan"], maintainers=["Bob"]))) == []


@pytest.mark.parametrize("role", ["members", "maintainers"])
def test_an_owner_of_the_organisation_is_always_a_maintainer_whatever_was_asked(role: str) -> None:
    there = TEAM_A.model_copy(update={"maintainers": ("olivia",), "members": (), "invited": ()})
    assert summaries(planned({"name": "Team A", "members": []} | {role: ["Olivia"]}, there=(there,))) == []
    made = planned({"name": "New", "members": []} | {role: ["Olivia"]})
    assert summaries(made) == ["create acme/new: closed +olivia (maintainer)"]


def test_pending_counts_as_there_in_whatever_role() -> None:
    assert summaries(planned(team(members=["alice"], maintainers=["bob", "ivan"]))) == []
    made = planned(team("New", members=["ivan"], maintainers=[]))  # he is invited to the organisation
    assert (summaries(made), made.errors) == (["create acme/new: closed +ivan"], [])


def test_who_is_pending_and_not_desired_is_removed() -> None:
    assert summaries(planned(team(members=["alice"]))) == ["update_members acme/team-a: -ivan"]


def test_all_changes_of_the_people_of_a_team_are_one_action() -> None:
    changed = planned(team(members=["bob", "carol"], maintainers=["alice", "olivia"]))
    roles = "Alice: member → maintainer, bob: maintainer → member"
    assert summaries(changed) == [f"update_members acme/team-a: +carol +olivia (maintainer) -ivan, {roles}"]
    assert changed.actions[0].removes == ("ivan",)
    assert changed.removes == 1


def test_another_role_alone_is_a_change_also_of_somebody_who_is_listed_as_invited_too() -> None:
    role = "update_members acme/team-a: bob: maintainer → member"
    for invited in (("ivan",), ("ivan", "Bob")):
        there = TEAM_A.model_copy(update={"invited": invited})
        changed = planned(team(members=["alice", "bob", "ivan"], maintainers=[]), there=(there,))
        assert summaries(changed) == [role]


def test_of_very_many_who_are_not_in_the_organisation_the_first_are_named_and_the_others_counted() -> None:
    strangers = [f"ghost-{number}" for number in range(MAX_ERRORS + 7)]
    changed = planned(team(members=["alice", "ivan", *strangers]))
    assert (len(changed.errors), changed.errors_left_out) == (MAX_ERRORS, 7)


def test_somebody_who_is_not_in_the_organisation_is_reported_by_name_and_the_rest_of_the_team_is_planned() -> None:
    changed = planned(team(members=["alice", "ivan", "ghost", "carol"]))
    assert summaries(changed) == ["update_members acme/team-a: +carol"]
    assert changed.errors == ["acme/team-a: 'ghost' is not in the organisation"]


def test_somebody_who_is_not_in_the_organisation_is_invited_if_it_says_so() -> None:
    changed = planned(team(members=["alice", "ivan", "ghost"]), team("New", maintainers=["Ghost"]), invite=True)
    assert summaries(changed) == [
        "create acme/new: closed +Alice +ivan +Ghost (maintainer, invited)",
        "update_members acme/team-a: +ghost (invited)",
    ]
    assert changed.errors == []


def test_where_nobody_of_a_team_is_known_its_members_are_left_as_they_are() -> None:
    changed = planned(team(members=["ghost"], maintainers=[]))
    assert (summaries(changed), len(changed.errors)) == ([], 1)
    assert summaries(planned(team("New", members=["ghost"], maintainers=[]))) == ["create acme/new: closed"]


def test_a_team_is_emptied_if_that_is_desired() -> None:
    assert summaries(planned(team(members=[], maintainers=[]))) == ["update_members acme/team-a: -Alice -bob -ivan"]


@pytest.mark.parametrize("name", ["Team A", "team a", "team-a", "Team.A"])
def test_a_team_is_found_by_its_name_or_by_what_its_name_makes_of_the_slug(name: str) -> None:
    assert summaries(planned(team(name))) == []


def test_a_team_is_addressed_by_its_slug() -> None:
    there = GithubTeam(name="k8s.io-admins", slug="k8s-io-admins-1")
    (action,) = planned(team("k8s.io-admins", members=["carol"], maintainers=[]), there=(there,)).actions
    assert (action.team, action.slug, action.subject) == ("k8s.io-admins", "k8s-io-admins-1", "acme/k8s-io-admins-1")


def test_what_is_not_asked_for_is_left_as_it_is() -> None:
    assert summaries(planned(team())) == []
    there = TEAM_A.model_copy(update={"privacy": "secret", "description": " Us\n"})
    assert summaries(planned(team(), there=(there,))) == []
    assert summaries(planned(team(description="Us"), there=(there,))) == []


def test_settings_are_one_action_that_says_old_and_new() -> None:
    other = GithubTeam(name="Other", slug="other")
    changed = planned(team(description="We", parent="Other"), there=(TEAM_A, other))
    assert summaries(changed) == ["update_team acme/team-a: “Us” → “We”, parent none → other"]
    assert changed.actions[0].needs == ("acme/other",)
    assert summaries(planned(team(description="", privacy="secret"))) == [
        "update_team acme/team-a: “Us” →, closed → secret"
    ]


def test_a_new_team_is_one_action_with_all_that_it_has() -> None:
    made = planned(team("New", description="It", parent="team a", members=["alice"], maintainers=["olivia"]))
    assert summaries(made) == ["create acme/new: closed “It” in Team A +Alice +olivia (maintainer)"]
    (action,) = made.actions
    assert (action.creates, action.needs, action.removes) == (True, ("acme/team-a",), ())


def test_only_desired_and_managed_teams_are_touched() -> None:
    assert summaries(planned()) == []
    assert summaries(planned(managed_teams=["other", "Team B"])) == []


def test_a_managed_team_that_is_no_longer_desired_is_emptied() -> None:
    emptied = planned(managed_teams=["team A"])
    assert summaries(emptied) == ["update_members acme/team-a: -Alice -bob -ivan"]
    assert emptied.removes == emptied.memberships == 3
    assert summaries(planned(team(), managed_teams=["Team A"])) == []
    empty = GithubTeam(name="Team A", slug="team-a", description="Us")
    assert summaries(planned(managed_teams=["team A"], there=(empty,))) == []


def test_a_team_is_deleted_only_where_the_request_says_so() -> None:
    deleted = planned(delete_teams=["Team A", "gone for long"], managed_teams=["Team A"])
    assert summaries(deleted) == ["delete acme/team-a: deleted: -Alice -ivan -bob"]
    assert deleted.removes == 3


def test_memberships_are_those_of_all_teams() -> None:
    other = GithubTeam(name="Other", slug="other", members=("Alice", "carol"))
    assert planned(there=(TEAM_A, other)).memberships == 5
