"""Guards: a plan that is likely a mistake is stopped, and applied only if its digest is accepted."""

from typing import Any

import pytest
from pytest_mock import MockerFixture

from qontract.adapters.memory import InMemoryEventPublisher, InMemorySlackUsergroups
from qontract.application.event_manager import EventManager
from qontract.application.guards import Guards
from qontract.application.ports.integration import IntegrationError
from qontract.domain.integration import Plan
from qontract.domain.jobs import JobResult, JobStatus
from qontract.domain.slack_usergroups import UpdateUsers
from qontract.domain.slack_workspace import SlackUser, SlackUsergroup, SlackWorkspace
from qontract.testing.reconciling import InMemoryJobSlice, reconcile

PEOPLE = tuple(f"p{number}" for number in range(20))
LOCK = "slack-usergroups/coreos"


def slack(*, members: int = 20, groups: int = 2) -> InMemorySlackUsergroups:
    users = tuple(SlackUser(id=f"U-{name}", name=name) for name in PEOPLE)
    ids = tuple(user.id for user in users[:members])
    usergroups = tuple(SlackUsergroup(id=f"S{n}", handle=f"team-{n}", user_ids=ids) for n in range(groups))
    return InMemorySlackUsergroups(SlackWorkspace(name="coreos", users=users, usergroups=usergroups))


def wanted(*members: int, **more: Any) -> dict[str, Any]:
    groups = [{"handle": f"team-{n}", "users": PEOPLE[:count]} for n, count in enumerate(members)]
    return {"workspaces": [{"name": "coreos", "usergroups": groups}], **more}


def members(integration: InMemorySlackUsergroups) -> list[int]:
    return [len(group.user_ids) if group.enabled else 0 for group in integration.read("coreos").usergroups]


@pytest.fixture
def publisher() -> InMemoryEventPublisher:
    return InMemoryEventPublisher()


def run(integration: InMemorySlackUsergroups, desired: dict[str, Any], publisher: InMemoryEventPublisher) -> JobResult:
    return reconcile(integration, desired, events=EventManager(publisher))


def test_a_planted_removal_of_forty_percent_is_blocked_with_an_event_that_has_the_plan_and_its_digest(
    publisher: InMemoryEventPublisher,
) -> None:
    integration = slack()
    result = run(integration, wanted(12, 12), publisher)
    assert members(integration) == [20, 20]
    assert (result.status, result.applied_actions, len(result.actions)) == (JobStatus.BLOCKED, (), 2)
    reason = "it would end 16 of 40 memberships, and more than 25% are not let pass"
    assert result.errors == (f"coreos: blocked: {reason}",)
    [event] = publisher.events
    assert (event.type, event.subject) == ("qontract-api.slack-usergroups.blocked", "coreos")
    data = event.model_dump(mode="json")["data"]
    assert data["reason"] == reason
    assert data["actions"] == list(result.actions)
    assert (data["plan_digest"], data["removes"], data["memberships"]) == (result.plan_digest, 16, 40)


def test_a_blocked_plan_is_applied_if_the_request_carries_its_digest(publisher: InMemoryEventPublisher) -> None:
    integration = slack()
    digest = run(integration, wanted(12, 12), publisher).plan_digest
    result = run(integration, wanted(12, 12, accept_plan=digest), publisher)
    assert (result.status, members(integration)) == (JobStatus.SUCCESS, [12, 12])


def test_the_digest_of_another_plan_is_refused(publisher: InMemoryEventPublisher) -> None:
    integration = slack()
    digest = run(integration, wanted(12, 12), publisher).plan_digest
    result = run(integration, wanted(11, 12, accept_plan=digest), publisher)
    assert (result.status, members(integration)) == (JobStatus.BLOCKED, [20, 20])
    said = f"; `accept_plan` (--accept-plan) is of another plan: the digest of this one is {result.plan_digest}"
    assert result.errors[0].endswith(said)


def test_an_accepted_plan_is_applied_to_its_end_though_it_takes_many_slices() -> None:
    integration = slack(groups=6)
    digest = reconcile(integration, wanted(*[5] * 6)).plan_digest
    result = reconcile(integration, wanted(*[5] * 6, accept_plan=digest), job_slice=InMemoryJobSlice(slice_actions=1))
    assert (result.status, members(integration)) == (JobStatus.SUCCESS, [5] * 6)


def test_a_plan_within_the_limit_is_applied_to_its_end_though_what_is_left_shrinks_meanwhile() -> None:
    integration = slack(groups=6)
    result = reconcile(integration, wanted(*[15] * 6), job_slice=InMemoryJobSlice(slice_actions=1))
    assert (result.status, members(integration)) == (JobStatus.SUCCESS, [15] * 6)


def test_a_dry_run_says_that_the_plan_would_be_blocked_and_publishes_nothing(publisher: InMemoryEventPublisher) -> None:
    result = run(slack(), wanted(12, 12, dry_run=True), publisher)
    assert (result.status, publisher.events) == (JobStatus.BLOCKED, [])
    assert run(slack(), wanted(12, 12, dry_run=True, accept_plan=result.plan_digest), publisher).status == "success"


@pytest.mark.parametrize(("kept", "blocked"), [((15, 15), False), ((15, 14), True), ((11, 20), False)])
def test_a_quarter_is_let_pass_and_more_is_not(kept: tuple[int, int], *, blocked: bool) -> None:
    assert (reconcile(slack(), wanted(*kept)).status is JobStatus.BLOCKED) is blocked


def test_fewer_than_ten_removals_are_always_let_pass() -> None:
    assert reconcile(slack(members=9, groups=1), wanted(0)).status is JobStatus.SUCCESS
    assert reconcile(slack(members=10, groups=1), wanted(0)).status is JobStatus.BLOCKED


def test_where_one_removal_is_many_the_first_is_stopped_and_what_was_never_read_has_not_shrunk() -> None:
    guards, nobody = Guards(0, 1), dict.fromkeys(("users", "user_ids", "users_to_add", "users_to_remove"), ())
    action = UpdateUsers(workspace="coreos", usergroup="team-a", usergroup_id="S1", **nobody)
    removal = action.model_copy(update={"users_to_remove": ("bob",)})
    reason = "it would end 1 of 1 memberships, and more than 0% are not let pass"
    assert guards.objection(Plan((removal,), 1), None, 0) == reason
    assert guards.objection(Plan((action,), 0), None, 0) is None
    assert str(guards.objection(Plan((action,), 0), 1, 0)).startswith("nothing is left of 1 memberships")


def test_where_nothing_is_to_be_done_nothing_is_stopped_though_all_that_was_there_before_is_gone() -> None:
    assert Guards().objection(Plan((), 0), 40, 0) is None


def test_the_share_and_the_least_number_are_settings() -> None:
    assert reconcile(slack(), wanted(12, 12), guards=Guards(max_removal_share=0.4)).status is JobStatus.SUCCESS
    assert reconcile(slack(), wanted(18, 19), guards=Guards(0.05, 3)).status is JobStatus.BLOCKED


def test_a_read_that_has_shrunk_to_nothing_since_the_last_run_is_blocked() -> None:
    integration, job_slice = slack(), InMemoryJobSlice()
    assert reconcile(integration, wanted(20, 20), job_slice=job_slice).status is JobStatus.SUCCESS
    assert job_slice.known == {LOCK: 40}
    workspace = integration.workspaces["coreos"]
    integration.workspaces["coreos"] = workspace.model_copy(update={"usergroups": ()})
    blocked = reconcile(integration, wanted(20, 20), job_slice=InMemoryJobSlice(known=job_slice.known))
    assert blocked.status is JobStatus.BLOCKED
    assert "nothing is left of 40 memberships" in blocked.errors[0]
    accepted = wanted(20, 20, accept_plan=blocked.plan_digest)
    assert (
        reconcile(integration, accepted, job_slice=InMemoryJobSlice(known=job_slice.known)).status is JobStatus.SUCCESS
    )


def test_what_a_job_removed_itself_is_not_a_read_that_has_shrunk() -> None:
    integration = slack(groups=3)
    desired = wanted(0, 0, 0)
    for group in desired["workspaces"][0]["usergroups"]:
        group["description"] = "Nobody"
    digest = reconcile(integration, desired | {"dry_run": True}).plan_digest
    job_slice = InMemoryJobSlice(slice_actions=1, known={LOCK: 60})
    assert reconcile(integration, desired | {"accept_plan": digest}, job_slice=job_slice).status is JobStatus.SUCCESS


@pytest.mark.parametrize("scope", [LOCK, "slack-usergroups"])
def test_a_protected_member_is_never_removed_and_the_rest_is_applied(scope: str) -> None:
    integration = slack()
    result = reconcile(integration, wanted(19, 20 - 1), guards=Guards(protected={scope: ["P19"]}))
    assert (result.status, members(integration)) == (JobStatus.FAILED, [20, 20])
    assert result.errors[0] == "coreos/team-0: not tried, for it would remove p19, who is protected"
    assert reconcile(integration, wanted(19), guards=Guards(protected={"slack-usergroups/other": ["p19"]})).done == 1


def test_an_action_whose_object_could_not_be_created_is_not_tried_in_the_same_run(mocker: MockerFixture) -> None:
    integration = slack(groups=0)
    create = mocker.patch.object(integration, "apply", side_effect=IntegrationError("refused"))
    plan, before = integration.plan, integration.read("coreos")

    def plan_and_update(desired: Any, state: Any) -> Any:
        planned = plan(desired, state)
        update = wanted(5)["workspaces"][0]["usergroups"]
        group = SlackUsergroup(id="S9", handle="team-0")
        later = plan(desired, before.model_copy(update={"usergroups": (group,)}))
        assert update
        return type(planned)((*planned.actions, *later.actions), 0)

    mocker.patch.object(integration, "plan", plan_and_update)
    result = reconcile(integration, wanted(5))
    assert create.call_count == 1
    assert result.errors == (
        "coreos/team-0: refused",
        "coreos/team-0: not tried, for what it needs could not be created",
    )
