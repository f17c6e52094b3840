"""The plan: what is done to bring usergroups to their desired state, and what is left alone."""

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from qontract.domain.slack_desired_state import DesiredUsergroup, DesiredUsergroups, DesiredWorkspace
from qontract.domain.slack_plan import plan
from qontract.domain.slack_usergroups import CreateUsergroup, UpdateMetadata, UpdateUsers, UsergroupAction
from qontract.domain.slack_workspace import SlackChannel, SlackUser, SlackUsergroup, SlackWorkspace
from tests.support.slack_events import applied

USERS = tuple(
    SlackUser(id=f"U{number}", name=name, email=f"{name}@example.org", other_ids=(f"W{number}",))
    for number, name in enumerate(("alice", "bob", "carol"), 1)
)
CHANNELS = (SlackChannel(id="C1", name="general"), SlackChannel(id="C2", name="team-a"))
TEAM_A = SlackUsergroup(id="S1", handle="team-a", description="Team A", user_ids=("U1", "U2"), channel_ids=("C1", "C2"))
AS_IT_IS: dict[str, Any] = {
    "handle": "team-a",
    "description": "Team A",
    "users": ["alice", "bob"],
    "channels": ["general", "team-a"],
}


def workspace(*usergroups: SlackUsergroup) -> SlackWorkspace:
    return SlackWorkspace(name="coreos", users=USERS, channels=CHANNELS, usergroups=usergroups)


def desired(*usergroups: dict[str, Any], managed: list[str] | None = None) -> DesiredWorkspace:
    return DesiredWorkspace.model_validate({"name": "coreos", "usergroups": usergroups, "managed_usergroups": managed})


def actions(wanted: DesiredWorkspace, *usergroups: SlackUsergroup) -> Sequence[UsergroupAction]:
    planned = plan(wanted, workspace(*usergroups))
    assert planned.errors == ()
    return planned.actions


@pytest.mark.parametrize(
    "meant_the_same",
    [
        {},
        {"users": ["bob", "alice"], "channels": ["team-a", "general"]},
        {"users": ["alice", "bob", "alice", "bob@example.org"], "channels": ["general", "team-a", "#general"]},
        {"users": ["@alice", "@bob"], "channels": ["#general", "#team-a"], "handle": "@team-a"},
        {"users": ["Alice@Example.ORG", "BOB@EXAMPLE.ORG"]},
        {"users": [" alice", "bob\n"], "channels": [" #general ", "team-a\t"], "handle": " @Team-A "},
        {"description": "  Team A\n"},
        {"description": None, "channels": None},
    ],
)
def test_what_means_the_same_makes_no_action(meant_the_same: dict[str, Any]) -> None:
    assert actions(desired(AS_IT_IS | meant_the_same), TEAM_A) == ()


def test_blank_space_in_slack_makes_no_action() -> None:
    assert actions(desired(AS_IT_IS), TEAM_A.model_copy(update={"description": " Team A "})) == ()


def test_members_listed_under_another_of_their_ids_make_no_action() -> None:
    assert actions(desired(AS_IT_IS), TEAM_A.model_copy(update={"user_ids": ("W2", "W1", "U1")})) == ()


def test_a_group_that_is_not_there_is_created_with_all_that_it_has() -> None:
    assert actions(desired(AS_IT_IS)) == (
        CreateUsergroup(
            workspace="coreos",
            usergroup="team-a",
            description="Team A",
            users=("alice", "bob"),
            user_ids=("U1", "U2"),
            channels=("general", "team-a"),
            channel_ids=("C1", "C2"),
        ),
    )


def test_other_members_are_an_update_that_names_who_comes_and_who_goes() -> None:
    assert actions(desired(AS_IT_IS | {"users": ["carol", "alice"]}), TEAM_A) == (
        UpdateUsers(
            workspace="coreos",
            usergroup="team-a",
            usergroup_id="S1",
            users=("alice", "carol"),
            user_ids=("U1", "U3"),
            users_to_add=("carol",),
            users_to_remove=("bob",),
        ),
    )


@pytest.mark.parametrize(
    ("change", "description", "channel_ids"),
    [
        ({"description": "The A team"}, "The A team", ("C1", "C2")),
        ({"description": ""}, "", ("C1", "C2")),
        ({"channels": ["general"]}, "Team A", ("C1",)),
        ({"channels": []}, "Team A", ()),
        ({"channels": ["general"], "description": None}, "Team A", ("C1",)),
    ],
)
def test_another_description_or_other_channels_are_one_update_of_the_metadata(
    change: dict[str, Any], description: str, channel_ids: tuple[str, ...]
) -> None:
    (action,) = actions(desired(AS_IT_IS | change), TEAM_A)
    assert isinstance(action, UpdateMetadata)
    assert (action.usergroup_id, action.description, action.channel_ids) == ("S1", description, channel_ids)


def test_a_disabled_group_that_is_desired_is_enabled_even_if_its_members_are_right() -> None:
    (action,) = actions(desired(AS_IT_IS), TEAM_A.model_copy(update={"enabled": False}))
    assert isinstance(action, UpdateUsers)
    assert action.enable
    assert action.user_ids == ("U1", "U2")


def test_a_disabled_group_is_enabled_before_its_metadata_changes() -> None:
    planned = actions(desired(AS_IT_IS | {"description": "New"}), TEAM_A.model_copy(update={"enabled": False}))
    assert [action.action_type for action in planned] == ["update_users", "update_metadata"]


def test_the_metadata_changes_before_the_absence_of_users_disables_the_group() -> None:
    planned = actions(desired(AS_IT_IS | {"description": "New", "users": []}), TEAM_A)
    assert [action.action_type for action in planned] == ["update_metadata", "update_users"]


def test_a_group_without_users_is_emptied_and_says_so() -> None:
    (action,) = actions(desired(AS_IT_IS | {"users": []}), TEAM_A)
    assert isinstance(action, UpdateUsers)
    assert (action.users, action.user_ids, action.enable) == ((), (), False)
    assert action.users_to_remove == ("alice", "bob")


def test_an_empty_group_that_is_disabled_already_makes_no_action() -> None:
    assert actions(desired(AS_IT_IS | {"users": []}), TEAM_A.model_copy(update={"enabled": False})) == ()


def test_the_members_of_a_disabled_group_are_no_memberships() -> None:
    disabled = TEAM_A.model_copy(update={"id": "S2", "handle": "team-b", "enabled": False})
    assert plan(desired(AS_IT_IS), workspace(TEAM_A, disabled)).memberships == 2


def test_only_desired_and_managed_handles_are_touched() -> None:
    others = [TEAM_A.model_copy(update={"id": f"S{n}", "handle": f"team-{n}"}) for n in range(2, 5)]
    planned = actions(desired(AS_IT_IS | {"users": ["carol"]}, managed=["team-2", "nowhere"]), TEAM_A, *others)
    assert {action.usergroup for action in planned} == {"team-a", "team-2"}


def test_a_managed_group_that_is_not_desired_is_emptied_and_otherwise_left_as_it_is() -> None:
    (action,) = actions(desired(managed=["@Team-A"]), TEAM_A)
    assert isinstance(action, UpdateUsers)
    assert action.user_ids == ()


def test_a_managed_group_that_is_desired_is_not_emptied() -> None:
    assert actions(desired(AS_IT_IS, managed=["team-a"]), TEAM_A) == ()


def test_a_managed_group_that_is_not_there_is_not_created() -> None:
    assert actions(desired(managed=["team-a"])) == ()


def test_unknown_names_are_reported_and_the_rest_is_applied() -> None:
    planned = plan(
        desired(AS_IT_IS | {"users": ["carol", "ghost"], "channels": ["general", "#nowhere"]}), workspace(TEAM_A)
    )
    assert planned.errors == (
        "coreos/team-a: Slack has no active user 'ghost'",
        "coreos/team-a: Slack has no active channel 'nowhere'",
    )
    users, metadata = planned.actions
    assert isinstance(users, UpdateUsers)
    assert users.user_ids == ("U3",)
    assert isinstance(metadata, UpdateMetadata)
    assert metadata.channel_ids == ("C1",)


def test_a_new_group_is_created_without_the_names_that_are_unknown() -> None:
    planned = plan(desired(AS_IT_IS | {"users": ["alice", "ghost"]}), workspace())
    assert planned.errors == ("coreos/team-a: Slack has no active user 'ghost'",)
    assert [action.user_ids for action in planned.actions if isinstance(action, CreateUsergroup)] == [("U1",)]


def test_a_list_of_which_no_name_is_known_is_left_alone() -> None:
    planned = plan(desired(AS_IT_IS | {"users": ["ghost"], "channels": ["nowhere"]}), workspace(TEAM_A))
    assert planned.actions == ()
    assert len(planned.errors) == 2


def test_a_disabled_group_of_which_no_user_is_known_stays_disabled() -> None:
    planned = plan(
        desired(AS_IT_IS | {"users": ["ghost"], "description": "New"}),
        workspace(TEAM_A.model_copy(update={"enabled": False})),
    )
    assert planned.actions == ()
    assert planned.errors == ("coreos/team-a: Slack has no active user 'ghost'",)


def test_two_thousand_groups_are_planned() -> None:
    groups = [AS_IT_IS | {"handle": f"team-{number}"} for number in range(2000)]
    assert len(actions(desired(*groups))) == 2000


@pytest.mark.parametrize(
    "wrong",
    [
        {"handle": ""},
        {"handle": "@"},
        {"handle": "team a"},
        {"users": None},
        {"users": [""]},
        {"users": [" @ "]},
        {"users": ["x" * 256]},
        {"users": "alice"},
        {"channels": ["#"]},
        {"channels": ["the general"]},
        {"description": "x" * 1001},
        {"usrs": []},
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DesiredUsergroup.model_validate(AS_IT_IS | wrong)


@pytest.mark.parametrize("again", ["team-a", "@Team-A", " team-a "])
def test_two_usergroups_of_one_handle_are_refused(again: str) -> None:
    with pytest.raises(ValidationError, match="usergroup 'team-a' is given more than once"):
        desired(AS_IT_IS, AS_IT_IS | {"handle": again})


def test_a_workspace_given_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="workspace 'coreos' is given more than once"):
        DesiredUsergroups(workspaces=(desired(), desired(AS_IT_IS)))


def test_a_request_without_workspaces_is_refused() -> None:
    with pytest.raises(ValidationError):
        DesiredUsergroups(workspaces=())


def test_a_dry_run_is_the_default() -> None:
    assert DesiredUsergroups(workspaces=(desired(),)).dry_run


@pytest.mark.parametrize("action_type", ["create", "update_users", "update_metadata"])
def test_the_event_of_an_action_carries_it_and_says_what_it_happened_to(action_type: str) -> None:
    planned = actions(desired(AS_IT_IS | {"users": [], "description": "New"}, AS_IT_IS | {"handle": "team-b"}), TEAM_A)
    (action,) = (action for action in planned if action.action_type == action_type)
    event = applied(action, "request-1")
    assert event.type == f"qontract-api.slack-usergroups.{action_type}"
    assert event.subject == f"coreos/{action.usergroup}"
    assert event.data == action
    assert event.correlation_id == "request-1"
    assert event.model_dump(mode="json")["data"] == action.model_dump(mode="json")


def test_a_summary_says_none_where_there_was_or_will_be_nothing() -> None:
    bare = TEAM_A.model_copy(update={"channel_ids": ()})
    [metadata] = actions(desired(AS_IT_IS | {"description": "", "channels": ["general"]}), bare)
    assert metadata.summary == "“Team A” → none, none → #general"
