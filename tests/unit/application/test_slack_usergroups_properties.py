"""What holds for any desired state and any workspace."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qontract.adapters.memory import InMemorySlackUsergroups
from qontract.application.guards import Guards
from qontract.domain.jobs import JobResult
from qontract.domain.slack_workspace import SlackChannel, SlackUser, SlackUsergroup, SlackWorkspace
from qontract.testing.reconciling import reconcile

USERS = (
    SlackUser(id="U1", name="alice", email="Alice@example.org", other_ids=("W1",)),
    SlackUser(id="U2", name="bob", email="bob@example.org", other_ids=("W2",)),
    SlackUser(id="U3", name="carol"),
    SlackUser(id="U4", name="gone", email="gone@example.org", active=False),
    SlackUser(id="U5", name="sam", email="sam.one@example.org"),
    SlackUser(id="U6", name="Sam", email="sam.two@example.org"),
)
CHANNELS = (SlackChannel(id="C1", name="general"), SlackChannel(id="C2", name="team-a"))
HANDLES = ("team-a", "team-b", "team-c", "team-d")
KNOWN = {
    "alice": "U1",
    " @Alice": "U1",
    "ALICE@EXAMPLE.ORG": "U1",
    "bob@example.org": "U2",
    "carol ": "U3",
    "sam.one@example.org": "U5",
    "sam.two@example.org": "U6",
}
UNKNOWN = ("ghost", "gone", "sam", "U1")

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

text = st.sampled_from(["", "Team", " Team ", "tëam\n", "a < b"])
current_groups = st.builds(
    SlackUsergroup,
    id=st.uuids().map(str),
    handle=st.just(""),
    description=text,
    user_ids=st.lists(st.sampled_from(["U1", "W1", "U2", "W2", "U3", "U4", "U5", "U9"]), max_size=5).map(tuple),
    channel_ids=st.lists(st.sampled_from(["C1", "C2", "C9"]), max_size=3).map(tuple),
    enabled=st.booleans(),
)
desired_groups = st.fixed_dictionaries(
    {"users": st.lists(st.sampled_from([*KNOWN, *UNKNOWN]), max_size=5)},
    optional={
        "description": st.none() | text,
        "channels": st.none() | st.lists(st.sampled_from(["general", "#General ", "team-a", "nowhere"]), max_size=3),
    },
)


@st.composite
def workspaces(draw: st.DrawFn) -> SlackWorkspace:
    groups = draw(st.dictionaries(st.sampled_from(HANDLES), current_groups))
    return SlackWorkspace(
        name="coreos",
        users=USERS,
        channels=CHANNELS,
        usergroups=tuple(group.model_copy(update={"handle": handle}) for handle, group in groups.items()),
    )


@st.composite
def desired_workspaces(draw: st.DrawFn) -> dict[str, Any]:
    groups = draw(st.dictionaries(st.sampled_from(HANDLES), desired_groups))
    return {
        "name": "coreos",
        "usergroups": [group | {"handle": handle} for handle, group in groups.items()],
        "managed_usergroups": draw(st.none() | st.lists(st.sampled_from([*HANDLES, "team-z"]))),
    }


def apply(slack: InMemorySlackUsergroups, desired: dict[str, Any]) -> JobResult:
    return reconcile(slack, {"workspaces": [desired]}, guards=Guards(max_removal_share=1))


def members(group: SlackUsergroup) -> set[str]:
    """The members, each under the first of its ids."""
    return {id_.replace("W", "U") for id_ in group.user_ids}


def groups_of(slack: InMemorySlackUsergroups) -> dict[str, SlackUsergroup]:
    return {group.handle: group for group in slack.read("coreos").usergroups}


@unhurried
@given(workspaces(), desired_workspaces())
def test_a_second_run_plans_nothing(workspace: SlackWorkspace, desired: dict[str, Any]) -> None:
    slack = InMemorySlackUsergroups(workspace)
    first, second = apply(slack, desired), apply(slack, desired)
    assert first.applied_actions == first.actions
    assert second.actions == ()
    assert second.errors == first.errors


@unhurried
@given(workspaces(), desired_workspaces())
def test_what_is_neither_desired_nor_managed_is_never_touched(
    workspace: SlackWorkspace, desired: dict[str, Any]
) -> None:
    slack = InMemorySlackUsergroups(workspace)
    before = groups_of(slack)
    apply(slack, desired)
    ours = {group["handle"] for group in desired["usergroups"]} | {*(desired["managed_usergroups"] or ())}
    assert {h: g for h, g in groups_of(slack).items() if h not in ours} == {
        h: g for h, g in before.items() if h not in ours
    }


@unhurried
@given(workspaces(), desired_workspaces())
def test_nobody_is_silently_dropped(workspace: SlackWorkspace, desired: dict[str, Any]) -> None:
    slack = InMemorySlackUsergroups(workspace)
    result = apply(slack, desired)
    groups = groups_of(slack)
    for wanted in desired["usergroups"]:
        group = groups.get(wanted["handle"])
        for name in wanted["users"]:
            if name in KNOWN:
                assert group
                assert group.enabled
                assert KNOWN[name] in members(group)
            else:
                assert any(repr(name) in error and wanted["handle"] in error for error in result.errors)


@unhurried
@given(workspaces(), desired_workspaces())
def test_a_group_has_just_the_members_that_are_known(workspace: SlackWorkspace, desired: dict[str, Any]) -> None:
    slack = InMemorySlackUsergroups(workspace)
    apply(slack, desired)
    groups = groups_of(slack)
    for wanted in desired["usergroups"]:
        known = {KNOWN[name] for name in wanted["users"] if name in KNOWN}
        if known:
            assert members(groups[wanted["handle"]]) == known
        elif not wanted["users"] and wanted["handle"] in groups:
            group = groups[wanted["handle"]]
            assert not group.enabled or group.user_ids == ()
    for handle in set(desired["managed_usergroups"] or ()) - {group["handle"] for group in desired["usergroups"]}:
        if handle in groups:
            assert not groups[handle].enabled or groups[handle].user_ids == ()
