"""What Slack shows of an action that was perhaps applied."""

import pytest

from qontract.domain.slack_plan import observed
from qontract.domain.slack_usergroups import CreateUsergroup, UpdateMetadata, UpdateUsers, UsergroupAction
from qontract.domain.slack_workspace import SlackChannel, SlackUser, SlackUsergroup, SlackWorkspace

CREATE = CreateUsergroup(
    workspace="coreos",
    usergroup="team-a",
    description="People",
    users=("alice", "bob"),
    user_ids=("U1", "U2"),
    channels=("general",),
    channel_ids=("C1",),
)
USERS = UpdateUsers(
    workspace="coreos",
    usergroup="team-a",
    usergroup_id="S1",
    users=("alice", "bob"),
    user_ids=("U1", "U2"),
    users_to_add=("bob",),
    users_to_remove=("carol",),
)
METADATA = UpdateMetadata(
    workspace="coreos",
    usergroup="team-a",
    usergroup_id="S1",
    description="People",
    channels=("general",),
    channel_ids=("C1",),
)
DONE = SlackUsergroup(id="S1", handle="Team-A", description=" People ", user_ids=("W2", "U1"), channel_ids=("C1",))
BEFORE = SlackUsergroup(id="S1", handle="team-a", description="Persons", user_ids=("U1", "U3"))


def workspace(*groups: SlackUsergroup) -> SlackWorkspace:
    return SlackWorkspace(
        name="coreos",
        users=(
            SlackUser(id="U1", name="alice"),
            SlackUser(id="U2", name="bob", other_ids=("W2",)),
            SlackUser(id="U3", name="carol"),
        ),
        channels=(SlackChannel(id="C1", name="general"),),
        usergroups=groups,
    )


@pytest.mark.parametrize("action", [CREATE, USERS, METADATA])
def test_an_action_that_was_applied_is_seen_whole(action: UsergroupAction) -> None:
    assert observed(action, workspace(DONE)) == action


@pytest.mark.parametrize("action", [USERS, METADATA])
def test_an_action_that_was_not_applied_is_not_observed(action: UsergroupAction) -> None:
    assert observed(action, workspace(BEFORE)) is None


@pytest.mark.parametrize("change", [{"description": "Persons"}, {"channel_ids": ()}])
def test_metadata_of_which_slack_shows_only_a_part_is_not_observed(change: dict[str, object]) -> None:
    assert observed(METADATA, workspace(DONE.model_copy(update=change))) is None


@pytest.mark.parametrize("action", [CREATE, USERS, METADATA])
def test_nothing_is_seen_where_the_usergroup_is_not_there(action: UsergroupAction) -> None:
    other = BEFORE.model_copy(update={"handle": "team-b", "id": "S2"})
    assert observed(action, workspace(other)) is None


def test_a_usergroup_that_was_created_and_not_filled_is_seen_as_it_is() -> None:
    shown = observed(CREATE, workspace(SlackUsergroup(id="S9", handle="team-a", description="People")))
    assert shown == CREATE.model_copy(update={"users": (), "user_ids": (), "channels": (), "channel_ids": ()})


def test_a_usergroup_that_was_enabled_and_not_changed_is_seen_as_it_is() -> None:
    enabling = USERS.model_copy(update={"enable": True, "users_to_add": USERS.users, "users_to_remove": ()})
    shown = observed(enabling, workspace(BEFORE))
    assert shown == enabling.model_copy(
        update={"users": ("alice", "carol"), "user_ids": ("U1", "U3"), "users_to_add": ("alice", "carol")}
    )
    assert observed(enabling, workspace(BEFORE.model_copy(update={"enabled": False}))) is None


def test_a_usergroup_that_was_emptied_is_seen_disabled() -> None:
    emptying = USERS.model_copy(update={"users": (), "user_ids": (), "users_to_add": ()})
    assert observed(emptying, workspace(BEFORE.model_copy(update={"enabled": False}))) == emptying
    assert observed(emptying, workspace(BEFORE)) is None
