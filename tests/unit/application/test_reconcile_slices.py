"""A job of any size: it works in slices, and goes on where it stopped."""

from typing import Any

import pytest
from pytest_mock import MockerFixture

from qontract.adapters.memory import InMemoryEventPublisher, InMemoryIntents, InMemorySlackUsergroups
from qontract.application.event_manager import EventManager
from qontract.application.jobs import Unfinished
from qontract.application.ports.integration import IntegrationError, RateLimitedError
from qontract.application.reconcile import job
from qontract.application.reconcile import reconcile as one_slice
from qontract.domain.jobs import JobProgress, JobStatus
from qontract.domain.slack_desired_state import DesiredUsergroups
from qontract.domain.slack_usergroups import UsergroupAction
from qontract.domain.slack_workspace import SlackUser, SlackUsergroup, SlackWorkspace
from qontract.testing.reconciling import InMemoryJobSlice, reconcile

LOCK = "slack-usergroups/coreos"


def slack(*names: str, groups: int = 5) -> InMemorySlackUsergroups:
    users = (SlackUser(id="U1", name="alice"), SlackUser(id="U2", name="bob"))
    usergroups = tuple(SlackUsergroup(id=f"S{n}", handle=f"team-{n}", user_ids=("U1",)) for n in range(groups))
    return InMemorySlackUsergroups(
        *(SlackWorkspace(name=name, users=users, usergroups=usergroups) for name in names or ("coreos",))
    )


def wanted(*names: str, groups: int = 5, users: tuple[str, ...] = ("alice", "bob")) -> dict[str, Any]:
    usergroups = [{"handle": f"team-{n}", "users": users} for n in range(groups)]
    return {"workspaces": [{"name": name, "usergroups": usergroups} for name in names or ("coreos",)]}


def slice_of(
    integration: InMemorySlackUsergroups,
    job_slice: InMemoryJobSlice,
    desired: dict[str, Any],
    events: EventManager | None = None,
) -> JobProgress | Unfinished:
    state = DesiredUsergroups.model_validate(desired | {"dry_run": False})
    return one_slice(job(InMemorySlackUsergroups, state), job_slice, integration=integration, events=events)


def test_a_slice_whose_time_is_over_continues_with_what_is_left_and_says_how_far_it_is() -> None:
    integration, job_slice = slack(), InMemoryJobSlice(slice_actions=2)
    first = slice_of(integration, job_slice, wanted())
    assert isinstance(first, Unfinished)
    assert first.seconds == 0
    assert (first.progress.result.status, first.progress.result.done, first.progress.result.of) == ("running", 2, 5)
    second = slice_of(integration, InMemoryJobSlice(progress=first.progress, slice_actions=2), wanted())
    assert isinstance(second, Unfinished)
    assert (second.progress.result.done, second.progress.result.of) == (4, 5)
    third = slice_of(integration, InMemoryJobSlice(progress=second.progress), wanted())
    assert isinstance(third, JobProgress)
    assert (third.result.status, third.result.done, third.result.of) == ("success", 5, 5)
    assert third.result.applied_actions == third.result.actions
    assert len(third.result.actions) == 5


def test_a_hundred_and_fifty_changes_in_slices_end_as_they_would_at_once() -> None:
    many = reconcile(slack(groups=150), wanted(groups=150), job_slice=InMemoryJobSlice(slice_actions=7))
    at_once = reconcile(slack(groups=150), wanted(groups=150))
    assert many == at_once
    assert (many.status, many.done) == (JobStatus.SUCCESS, 150)


def test_what_is_shown_grows_with_each_action() -> None:
    job_slice = InMemoryJobSlice()
    slice_of(slack(), job_slice, wanted())
    assert [(shown.result.done, shown.result.of) for shown in job_slice.shown] == [(n, 5) for n in range(1, 6)]


def test_a_rate_limit_ends_the_slice_and_its_action_is_tried_again_after_the_pause(mocker: MockerFixture) -> None:
    integration, publisher = slack(), InMemoryEventPublisher()
    events = EventManager(publisher, intents=InMemoryIntents(publisher))
    limited = mocker.patch.object(integration, "apply", side_effect=RateLimitedError("too many", 17))
    stopped = slice_of(integration, InMemoryJobSlice(), wanted(), events)
    assert isinstance(stopped, Unfinished)
    assert stopped.seconds == 17
    assert stopped.progress.result.errors == ()
    assert events.pending() == {}, "nothing of it was done: no intent is left"
    mocker.stop(limited)
    ended = slice_of(integration, InMemoryJobSlice(progress=stopped.progress), wanted(), events)
    assert isinstance(ended, JobProgress)
    assert (ended.result.status, ended.result.done) == (JobStatus.SUCCESS, 5)
    assert len(publisher.events) == 5


def test_a_rate_limit_of_reading_ends_the_slice_too(mocker: MockerFixture) -> None:
    integration = slack()
    mocker.patch.object(integration, "read", side_effect=RateLimitedError("too many", 30))
    stopped = slice_of(integration, InMemoryJobSlice(), wanted())
    assert isinstance(stopped, Unfinished)
    assert stopped.seconds == 30


def test_a_system_that_only_ever_asks_for_a_pause_is_given_up_at_last(mocker: MockerFixture) -> None:
    integration = slack()
    mocker.patch.object(integration, "read", side_effect=RateLimitedError("too many", 30))
    result = reconcile(integration, wanted())
    assert result.status is JobStatus.FAILED
    assert result.errors == ("coreos: given up after many pauses: too many",)


def test_an_action_that_failed_is_not_tried_again_in_a_later_slice(mocker: MockerFixture) -> None:
    integration = slack()
    applied, apply = list[str](), integration.apply

    def fails_for_one(action: UsergroupAction) -> None:
        applied.append(action.usergroup)
        if action.usergroup == "team-0":
            raise IntegrationError("refused")
        apply(action)

    mocker.patch.object(integration, "apply", fails_for_one)
    result = reconcile(integration, wanted(), job_slice=InMemoryJobSlice(slice_actions=1))
    assert sorted(applied) == [f"team-{n}" for n in range(5)]
    assert result.errors == ("coreos/team-0: refused",)
    assert (result.done, result.of) == (4, 5)


def test_the_log_says_whether_an_action_or_a_whole_scope_has_failed(
    mocker: MockerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    integration = slack("one", "two")
    one = integration.read("one")
    mocker.patch.object(integration, "read", side_effect=[one, IntegrationError("away")])
    mocker.patch.object(integration, "apply", side_effect=IntegrationError("refused"))
    reconcile(integration, wanted("one", "two", groups=1))
    said = [(line.message, line.__dict__["subject"], line.__dict__["error"]) for line in caplog.records]
    assert said == [("action failed", "one/team-0", "refused"), ("scope failed", "two", "away")]


def test_a_plan_that_never_ends_is_applied_once_and_not_for_ever(mocker: MockerFixture) -> None:
    integration = slack()
    apply = mocker.patch.object(integration, "apply", return_value=None)
    result = reconcile(integration, wanted(), job_slice=InMemoryJobSlice(slice_actions=1))
    assert apply.call_count == 5
    assert result.done == 5


def test_workspaces_that_have_ended_are_not_read_again_in_a_later_slice(mocker: MockerFixture) -> None:
    integration = slack("one", "two")
    planned = mocker.spy(integration, "plan")
    reconcile(integration, wanted("one", "two"), job_slice=InMemoryJobSlice(slice_actions=3))
    names = [call.args[0].name for call in planned.call_args_list]
    assert names == ["one", "one", "two", "two", "two"]


def test_what_an_earlier_slice_applied_as_its_worker_died_is_in_the_result(mocker: MockerFixture) -> None:
    integration, publisher = slack(), InMemoryEventPublisher()
    events = EventManager(publisher, intents=InMemoryIntents(publisher))
    mocker.patch.object(publisher, "publish", side_effect=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        reconcile(integration, wanted(), events=events, correlation_id="r-1")
    mocker.stopall()
    result = reconcile(integration, wanted(), events=events, correlation_id="r-1")
    assert (result.done, result.of, len(publisher.events)) == (5, 5, 5)


def test_the_lock_is_asked_for_before_each_action_and_a_lapsed_one_stops_the_scope(mocker: MockerFixture) -> None:
    integration, job_slice = slack(), InMemoryJobSlice()
    mocker.patch.object(job_slice, "holds", side_effect=[True, True, False])
    apply = mocker.spy(integration, "apply")
    ended = slice_of(integration, job_slice, wanted())
    assert isinstance(ended, JobProgress)
    assert apply.call_count == 2
    assert ended.result.status is JobStatus.SKIPPED
    assert ended.result.errors == (f"{LOCK}: superseded, for a later request may have begun",)


def test_a_lapsed_lock_stops_its_own_scope_only() -> None:
    integration, job_slice = slack("one", "two"), InMemoryJobSlice(lapsed={"slack-usergroups/one"})
    ended = slice_of(integration, job_slice, wanted("one", "two"))
    assert isinstance(ended, JobProgress)
    assert {action["workspace"] for action in ended.result.applied_actions} == {"two"}


def test_a_run_that_stood_still_while_it_read_resolves_nothing_that_another_has_resolved(mocker: MockerFixture) -> None:
    integration, publisher = slack(), InMemoryEventPublisher()
    events = EventManager(publisher, intents=InMemoryIntents(publisher))
    pending = mocker.spy(events, "pending")
    ended = slice_of(integration, InMemoryJobSlice(lapsed={LOCK}), wanted(), events)
    assert isinstance(ended, JobProgress)
    assert (ended.result.status, pending.call_count, publisher.events) == (JobStatus.SKIPPED, 0, [])
