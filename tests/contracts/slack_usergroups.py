"""What every SlackUsergroups promises: each line of the port's docstring."""

from abc import abstractmethod
from typing import Any

import pytest

from qontract.application.ports.integration import IntegrationError
from qontract.application.slack_usergroups import SlackUsergroups
from qontract.domain.slack_desired_state import DesiredUsergroup, DesiredWorkspace
from qontract.domain.slack_plan import plan
from qontract.domain.slack_usergroups import CreateUsergroup, UpdateMetadata, UpdateUsers, UsergroupAction
from qontract.domain.slack_workspace import SlackChannel, SlackUser, SlackUsergroup, SlackWorkspace

COREOS = SlackWorkspace(
    name="coreos",
    users=(
        SlackUser(id="U1", name="alice", email="alice@example.org"),
        SlackUser(id="U2", name="bob", email="bob@example.org"),
        SlackUser(id="U3", name="carol", email="carol@example.org", other_ids=("W3",)),
        SlackUser(id="U4", name="dave", email="dave@example.org", active=False),
    ),
    channels=(
        SlackChannel(id="C1", name="general"),
        SlackChannel(id="C2", name="team-a"),
        SlackChannel(id="G3", name="secrets"),
    ),
    usergroups=(
        SlackUsergroup(
            id="S1",
            handle="team-a",
            description="People of <A> & friends",
            user_ids=("U1", "W3"),
            channel_ids=("C2", "G3"),
        ),
        SlackUsergroup(id="S2", handle="sleepers", description="Asleep", user_ids=("U2",), enabled=False),
    ),
)

OSBS = SlackWorkspace(
    name="osbs",
    users=(
        SlackUser(id="U8", name="alice", email="alice@example.org"),
        SlackUser(id="U9", name="bob", email="bob@example.org"),
    ),
    channels=(SlackChannel(id="C8", name="general"),),
    usergroups=(SlackUsergroup(id="S8", handle="team-a", user_ids=("U8",)),),
)


def create(**fields: Any) -> CreateUsergroup:
    nothing: dict[str, Any] = {"description": "", "users": (), "user_ids": (), "channels": (), "channel_ids": ()}
    return CreateUsergroup(**nothing | {"workspace": "coreos", "usergroup": "team-b"} | fields)


def update_users(**fields: Any) -> UpdateUsers:
    plain = {"workspace": "coreos", "usergroup": "team-a", "usergroup_id": "S1", "users": ("bob",), "user_ids": ("U2",)}
    return UpdateUsers.model_validate(plain | {"users_to_add": (), "users_to_remove": ()} | fields)


def update_metadata(**fields: Any) -> UpdateMetadata:
    plain = {"workspace": "coreos", "usergroup": "team-a", "usergroup_id": "S1", "description": "New"}
    return UpdateMetadata.model_validate(plain | {"channels": (), "channel_ids": ()} | fields)


def gone(action_type: type[UpdateUsers | UpdateMetadata]) -> UsergroupAction:
    make = update_users if action_type is UpdateUsers else update_metadata
    return make(usergroup="nowhere", usergroup_id="S404")


def group(workspaces: SlackUsergroups, handle: str) -> SlackUsergroup:
    (found,) = (group for group in workspaces.read("coreos").usergroups if group.handle == handle)
    return found


class SlackUsergroupsContract:
    """Subclass it, and give the adapter: it has the workspaces COREOS and OSBS."""

    @pytest.fixture
    @abstractmethod
    def workspaces(self) -> SlackUsergroups:
        """The adapter."""

    def test_a_workspace_is_read_with_all_that_it_has(self, workspaces: SlackUsergroups) -> None:
        assert workspaces.read("coreos") == COREOS

    def test_each_workspace_is_read_by_its_name(self, workspaces: SlackUsergroups) -> None:
        assert workspaces.read("osbs") == OSBS

    @pytest.mark.parametrize(
        "desired",
        [
            {"handle": "new", "users": ["alice", "carol"], "description": "<b> & more", "channels": ["general"]},
            {"handle": "new", "users": [], "description": "Nobody yet", "channels": ["#secrets", "general"]},
            {"handle": "new", "users": ["bob@example.org"]},
            {"handle": "new", "users": []},
            {"handle": "team-a", "users": ["alice", "bob"]},
            {"handle": "team-a", "users": ["carol"], "description": "Q&A, é", "channels": ["general", "team-a"]},
            {"handle": "team-a", "users": ["alice", "carol"], "description": "", "channels": []},
            {"handle": "team-a", "users": []},
            {"handle": "team-a", "users": [], "description": "Nobody", "channels": ["general"]},
            {"handle": "sleepers", "users": ["bob"]},
            {"handle": "sleepers", "users": ["alice"], "description": "Awake", "channels": ["secrets"]},
        ],
    )
    def test_after_its_actions_a_desired_group_needs_no_more(
        self, workspaces: SlackUsergroups, desired: dict[str, Any]
    ) -> None:
        wanted = DesiredWorkspace(name="coreos", usergroups=(DesiredUsergroup.model_validate(desired),))
        first = plan(wanted, workspaces.read("coreos"))
        assert first.actions
        for action in first.actions:
            workspaces.apply(action)
        assert plan(wanted, workspaces.read("coreos")).actions == ()

    def test_a_created_group_has_all_of_its_action(self, workspaces: SlackUsergroups) -> None:
        workspaces.apply(create(description="<B> & co", user_ids=("U1", "U3"), channel_ids=("C1", "G3")))
        made = group(workspaces, "team-b")
        assert made.model_dump(exclude={"id"}) == {
            "handle": "team-b",
            "description": "<B> & co",
            "user_ids": ("U1", "U3"),
            "channel_ids": ("C1", "G3"),
            "enabled": True,
        }
        assert made.id not in {"S1", "S2"}

    def test_members_are_replaced_and_the_rest_stays(self, workspaces: SlackUsergroups) -> None:
        before = group(workspaces, "team-a")
        workspaces.apply(update_users(user_ids=("U2",)))
        assert group(workspaces, "team-a") == before.model_copy(update={"user_ids": ("U2",)})

    def test_a_disabled_group_is_enabled_with_its_new_members(self, workspaces: SlackUsergroups) -> None:
        workspaces.apply(update_users(usergroup="sleepers", usergroup_id="S2", user_ids=("U1",), enable=True))
        assert group(workspaces, "sleepers").enabled
        assert group(workspaces, "sleepers").user_ids == ("U1",)

    def test_a_group_without_members_is_disabled(self, workspaces: SlackUsergroups) -> None:
        workspaces.apply(update_users(users=(), user_ids=()))
        assert not group(workspaces, "team-a").enabled

    def test_the_metadata_is_replaced_and_the_rest_stays(self, workspaces: SlackUsergroups) -> None:
        before = group(workspaces, "team-a")
        workspaces.apply(update_metadata(description="New & <better>", channel_ids=("C1",)))
        after = {"description": "New & <better>", "channel_ids": ("C1",)}
        assert group(workspaces, "team-a") == before.model_copy(update=after)

    def test_the_metadata_can_be_cleared(self, workspaces: SlackUsergroups) -> None:
        workspaces.apply(update_metadata(description="", channel_ids=()))
        assert group(workspaces, "team-a").description == ""
        assert group(workspaces, "team-a").channel_ids == ()

    def test_an_action_leaves_the_group_of_the_same_handle_elsewhere_alone(self, workspaces: SlackUsergroups) -> None:
        workspaces.apply(update_users(user_ids=("U2",)))
        workspaces.apply(update_metadata())
        workspaces.apply(create())
        assert workspaces.read("osbs") == OSBS

    @pytest.mark.parametrize(
        "action", [create(usergroup="team-a"), create(usergroup="sleepers"), gone(UpdateUsers), gone(UpdateMetadata)]
    )
    def test_a_handle_that_is_there_and_a_group_that_is_not_are_refused(
        self, workspaces: SlackUsergroups, action: UsergroupAction
    ) -> None:
        with pytest.raises(IntegrationError):
            workspaces.apply(action)
        assert workspaces.read("coreos") == COREOS

    def test_emptying_a_group_that_is_not_there_is_refused(self, workspaces: SlackUsergroups) -> None:
        with pytest.raises(IntegrationError):
            workspaces.apply(update_users(usergroup="nowhere", usergroup_id="S404", users=(), user_ids=()))

    def test_an_unknown_workspace_is_an_error_that_names_it(self, workspaces: SlackUsergroups) -> None:
        with pytest.raises(IntegrationError, match="atlantis"):
            workspaces.read("atlantis")
        with pytest.raises(IntegrationError, match="atlantis"):
            workspaces.apply(create(workspace="atlantis"))
