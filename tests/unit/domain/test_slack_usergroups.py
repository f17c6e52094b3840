"""What the plan says of each action on a usergroup."""

from typing import Any

import pytest

from qontract.domain.slack_usergroups import CreateUsergroup, UpdateMetadata, UpdateUsers

EMPTY: dict[str, Any] = {"description": "", "users": (), "user_ids": (), "channels": (), "channel_ids": ()}
MEMBERS: dict[str, Any] = {"usergroup_id": "S1", "users": (), "user_ids": ()}
ABOUT: dict[str, Any] = {
    "usergroup_id": "S1",
    "channel_ids": (),
    "description": "A",
    "channels": ("a",),
    "description_before": "A",
    "channels_before": ("a",),
}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "without users"),
        ({"users": ("alice", "bob"), "channels": ("team-a",)}, "+alice +bob #team-a"),
    ],
    ids=["empty", "full"],
)
def test_a_new_usergroup_is_told_with_its_users_and_channels(given: dict[str, Any], says: str) -> None:
    assert CreateUsergroup(workspace="acme", usergroup="team-a", **EMPTY | given).summary == says


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"users_to_add": ("carol",), "users_to_remove": ("bob",)}, "+carol -bob"),
        ({"users_to_add": ("carol",), "users_to_remove": (), "enable": True}, "enabled: +carol"),
    ],
    ids=["enabled before", "disabled before"],
)
def test_a_change_of_members_tells_who_comes_and_goes_and_that_the_usergroup_is_enabled(
    given: dict[str, Any], says: str
) -> None:
    assert UpdateUsers(workspace="acme", usergroup="team-a", **MEMBERS | given).summary == says


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"channels": ("a", "b")}, "#a → #a #b"),
        ({"channels": ()}, "#a → none"),
        ({"channels_before": ()}, "none → #a"),
        ({"channels_before": None}, "none → #a"),
    ],
    ids=["one more", "none any more", "none before", "not known before"],
)
def test_a_change_of_channels_tells_what_was_and_what_will_be(given: dict[str, Any], says: str) -> None:
    assert UpdateMetadata(workspace="acme", usergroup="team-a", **ABOUT | given).summary == says


def test_a_change_of_the_description_alone_says_nothing_of_channels() -> None:
    action = UpdateMetadata(workspace="acme", usergroup="team-a", **ABOUT | {"description": "Team A"})
    before, _, after = action.summary.partition(" → ")
    assert ("A" in before, "Team A" in after, "#" in action.summary) == (True, True, False)
    emptied = UpdateMetadata(workspace="acme", usergroup="team-a", **ABOUT | {"description": ""})
    assert emptied.summary.endswith(" → none")
