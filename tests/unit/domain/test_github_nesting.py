"""GitHub teams inside each other: what can be, and in which order it is done."""

from typing import Any

import pytest

from qontract.domain.github_desired_state import DesiredOrganisation
from qontract.domain.github_organisation import GithubOrganisation, GithubTeam, Privacy
from qontract.domain.github_plan import plan
from qontract.domain.github_teams import TeamAction
from qontract.domain.integration import Plan


def there(name: str, parent: str | None = None, privacy: Privacy = "closed") -> GithubTeam:
    return GithubTeam(name=name, slug=name, parent=parent, privacy=privacy)


def wanted(name: str, parent: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"name": name, "members": [], "parent": parent} | fields


def planned(current: tuple[GithubTeam, ...], *teams: dict[str, Any], **more: Any) -> Plan[TeamAction]:
    desired = DesiredOrganisation.model_validate({"name": "acme", "teams": list(teams)} | more)
    return plan(desired, GithubOrganisation(name="acme", owners=("olivia",), teams=current))


def done(plan: Plan[TeamAction]) -> list[str]:
    return [f"{action.action_type} {action.slug}" for action in plan.actions]


def test_a_parent_is_created_before_its_child() -> None:
    made = planned((), wanted("a", "b"), wanted("b", "c"), wanted("c"), wanted("d", "a"))
    assert done(made) == ["create c", "create b", "create a", "create d"]
    assert [action.needs for action in made.actions] == [(), ("acme/c",), ("acme/b",), ("acme/a",)]


def test_a_team_is_moved_after_the_parent_that_it_moves_to() -> None:
    turned = planned(
        (there("a"), there("b", "a"), there("c", "b")), wanted("a", "b"), wanted("b", "c"), wanted("c", "")
    )
    assert done(turned) == ["update_team c", "update_team b", "update_team a"]


def test_a_team_becomes_secret_after_its_children_have_left() -> None:
    moved = planned((there("a"), there("b", "a")), wanted("a", privacy="secret"), wanted("b", "c"), wanted("c"))
    assert done(moved) == ["create c", "update_team b", "update_team a"]
    assert moved.errors == []


def test_a_secret_team_gets_a_parent_if_it_is_to_be_closed() -> None:
    current = (there("a", privacy="secret"), there("b"))
    assert done(planned(current, wanted("a", "b", privacy="closed"))) == ["update_team a"]


@pytest.mark.parametrize(
    ("current", "teams", "error"),
    [
        ((there("a"),), [wanted("a", "nowhere")], "acme/a: no team 'nowhere' is there to be its parent"),
        ((), [wanted("a", "nowhere")], "acme/a: no team 'nowhere' is there to be its parent"),
        (
            (there("a", privacy="secret"), there("b")),
            [wanted("a", "b")],
            "acme/a: it is secret, and a secret team has no parent, not even 'b'",
        ),
        (
            (there("a", "b"), there("b")),
            [wanted("a", privacy="secret")],
            "acme/a: it is secret, and a secret team has no parent, not even 'b'",
        ),
        (
            (there("a"), there("b", privacy="secret")),
            [wanted("a", "b")],
            "acme/a: its parent 'b' is secret, and a secret team has no children",
        ),
        (
            (there("a"), there("b", "a")),
            [wanted("a", privacy="secret")],
            "acme/a: it has children, and a secret team has none",
        ),
        (
            (there("a"), there("b", "a"), there("c", "b")),
            [wanted("a", "c")],
            "acme/a: it would be above itself: its parents form a cycle",
        ),
    ],
)
def test_what_github_could_not_have_is_an_error_and_is_left_as_it_is(
    current: tuple[GithubTeam, ...], teams: list[dict[str, Any]], error: str
) -> None:
    refused = planned(current, *teams)
    assert (done(refused), refused.errors) == ([], [error])


def test_the_members_of_a_team_whose_settings_cannot_be_are_changed_all_the_same() -> None:
    assert done(planned((there("a"),), wanted("a", "nowhere", members=["olivia"]))) == ["update_members a"]


def test_a_team_whose_parent_cannot_be_made_is_not_made() -> None:
    refused = planned((), wanted("a", "b"), wanted("b", "nowhere"), wanted("c"))
    assert done(refused) == ["create c"]
    assert len(refused.errors) == 2


def test_a_team_does_not_become_secret_if_a_child_cannot_leave() -> None:
    refused = planned((there("a"), there("b", "a")), wanted("a", privacy="secret"), wanted("b", "nowhere"))
    assert (done(refused), len(refused.errors)) == ([], 2)


def test_a_parent_that_is_not_there_is_named_as_it_was_written() -> None:
    refused = planned((), wanted("a", "No Where"))
    assert refused.errors == ["acme/a: no team 'No Where' is there to be its parent"]


def test_children_are_deleted_before_their_parent() -> None:
    current = (there("a"), there("b", "a"), there("c", "b"), there("d", "a"))
    assert done(planned(current, delete_teams=["a", "d", "b", "c"])) == ["delete c", "delete d", "delete b", "delete a"]


def test_a_team_with_a_child_that_stays_is_not_deleted() -> None:
    refused = planned((there("a"), there("b", "a"), there("c")), delete_teams=["a", "c"])
    assert done(refused) == ["delete c"]
    assert refused.errors == ["acme/a: not deleted, for 'b' is in it"]


def test_a_team_is_deleted_after_its_children_have_moved() -> None:
    current = (there("a"), there("b", "a"))
    assert done(planned(current, wanted("b", "c"), wanted("c"), delete_teams=["a"])) == [
        "create c",
        "update_team b",
        "delete a",
    ]


def test_a_team_becomes_secret_after_its_child_is_deleted_and_that_after_its_own_has_left() -> None:
    current = (there("a"), there("b", "a"), there("c", "b"))
    teams = (wanted("a", privacy="secret"), wanted("c", "", privacy="secret"))
    assert done(planned(current, *teams, delete_teams=["b"])) == ["update_team c", "delete b", "update_team a"]


def test_no_team_moves_into_one_that_is_deleted() -> None:
    refused = planned((there("a"), there("b")), wanted("b", "a"), delete_teams=["a"])
    assert done(refused) == ["delete a"]
    assert refused.errors == ["acme/b: no team 'a' is there to be its parent"]
