"""GitHub teams as a request desires them."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from qontract.domain.github_desired_state import DesiredTeam, DesiredTeams
from qontract.domain.github_organisation import slug_of


def desired(*teams: dict[str, Any], **organisation: Any) -> DesiredTeams:
    return DesiredTeams.model_validate({"organisations": [{"name": "acme", "teams": list(teams)} | organisation]})


def team(name: str = "Team A", **fields: Any) -> dict[str, Any]:
    return {"name": name, "members": []} | fields


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("k8s.io-admins", "k8s-io-admins"),
        ("My TEam Näme", "my-team-name"),
        (" a  --  b! ", "a-b"),
        ("under_score", "under_score"),
        ("C++", "c"),
    ],
)
def test_the_slug_is_made_from_the_name(name: str, slug: str) -> None:
    assert slug_of(name) == slug


def test_a_team_begins_with_nothing_asked_for_but_its_people() -> None:
    wanted = DesiredTeam(name=" Team A ", members=("alice",))
    assert (wanted.name, wanted.description, wanted.privacy, wanted.parent) == ("Team A", None, None, None)
    with pytest.raises(ValidationError, match="members"):
        DesiredTeam.model_validate({"name": "Team A"})


def test_logins_differ_in_case_only_and_are_given_once() -> None:
    wanted = DesiredTeam(name="a", members=("Alice", " @bob", "ALICE", "alice"), maintainers=("Carol", "carol"))
    assert (wanted.members, wanted.maintainers) == (("Alice", "bob"), ("Carol",))


def test_nobody_is_both_member_and_maintainer_of_one_team() -> None:
    with pytest.raises(ValidationError, match="team 'Team A': alice cannot be both member and maintainer"):
        desired(team(members=["alice", "bob"], maintainers=["ALICE"]))


@pytest.mark.parametrize("login", ["", "@", "a b", "a/b", "-a", "a.b", "é"])
def test_what_cannot_be_a_login_is_refused(login: str) -> None:
    with pytest.raises(ValidationError, match="members"):
        desired(team(members=[login]))


@pytest.mark.parametrize("name", ["", " ", "a\nb", "日本", "!!", "x" * 256])
def test_a_name_that_makes_no_slug_or_subject_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="name"):
        desired(team(name))


@pytest.mark.parametrize("other", ["Team A", "team a", "Team-A", "team.a"])
def test_two_teams_of_one_slug_are_refused(other: str) -> None:
    with pytest.raises(ValidationError, match="given more than once"):
        desired(team("Team A"), team(other))


def test_an_organisation_is_given_once_whatever_its_letter_case() -> None:
    two: list[dict[str, Any]] = [{"name": name, "teams": []} for name in ("Acme", "ACME")]
    with pytest.raises(ValidationError, match="organisation 'acme' is given more than once"):
        DesiredTeams.model_validate({"organisations": two})
    assert list(DesiredTeams.model_validate({"organisations": two[:1]}).scopes()) == ["acme"]


def test_a_secret_team_has_no_parent() -> None:
    with pytest.raises(ValidationError, match="'Team A' is secret, and a secret team has no parent"):
        desired(team(privacy="secret", parent="other"))


def test_a_secret_team_has_no_children() -> None:
    with pytest.raises(ValidationError, match="'Team A' cannot be in 'Other', for a secret team has no children"):
        desired(team(parent="other"), team("Other", privacy="secret"))


@pytest.mark.parametrize("parents", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "B"}])
def test_parents_that_form_a_cycle_are_refused(parents: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="its parents form a cycle"):
        desired(*(team(name, parent=parent) for name, parent in parents.items()))


def test_a_team_is_managed_or_deleted_once_whatever_way_its_name_is_written() -> None:
    (organisation,) = desired(managed_teams=["Old A", "old-a", "b"], delete_teams=["X y", "x-y"]).organisations
    assert (organisation.managed_teams, organisation.delete_teams) == (("Old A", "b"), ("X y",))


def test_a_desired_team_is_not_deleted() -> None:
    with pytest.raises(ValidationError, match="team 'team a' is desired, and cannot be among delete_teams"):
        desired(team(), delete_teams=["team a"])


@pytest.mark.parametrize("invite", [1, "true", None])
def test_inviting_is_asked_for_with_true_alone(invite: Any) -> None:
    with pytest.raises(ValidationError, match="invite"):
        desired(invite=invite)
    assert not desired().organisations[0].invite


def test_no_parent_is_asked_for_with_an_empty_text() -> None:
    assert desired(team(parent="")).organisations[0].teams[0].parent == ""
    assert desired(team(parent=" Other ")).organisations[0].teams[0].parent == "Other"


def test_a_request_is_read_as_it_was_written() -> None:
    state = desired(team(parent="", privacy="closed"), team("b", members=["@Bob"]), delete_teams=["C d"], invite=True)
    assert DesiredTeams.model_validate(json.loads(state.model_dump_json())) == state
