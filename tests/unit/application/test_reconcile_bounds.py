"""A result is bounded, and says how much it leaves out; what is done is not."""

import itertools
import string
from typing import Any

import pytest

from qontract.adapters.memory import InMemoryEventPublisher, InMemorySlackUsergroups
from qontract.application import job_record
from qontract.application.event_manager import EventManager
from qontract.application.job_record import JobRecord
from qontract.application.jobs import failed_progress
from qontract.application.ports.integration import IntegrationError
from qontract.domain.integration import Plan
from qontract.domain.jobs import MAX_BYTES, MAX_ERROR_LENGTH, MAX_ERRORS, JobProgress, JobResult, JobStatus
from qontract.domain.slack_usergroups import UpdateUsers
from qontract.domain.slack_workspace import SlackUser, SlackUsergroup, SlackWorkspace
from qontract.testing.reconciling import InMemoryJobSlice, reconcile

UNKNOWN = ["".join(letters) for letters in itertools.product(string.ascii_lowercase, repeat=3)][:10_000]


def workspace(name: str = "coreos", groups: int = 0, users: int = 1) -> SlackWorkspace:
    people = tuple(SlackUser(id=f"U{number}", name=f"user-{number}") for number in range(users))
    there = tuple(SlackUsergroup(id=f"S{number}", handle=f"team-{number}") for number in range(groups))
    return SlackWorkspace(name=name, users=people, usergroups=there)


def request(groups: int, users: list[str], *names: str, dry_run: bool = False) -> dict[str, Any]:
    usergroups = [{"handle": f"team-{number}", "users": users} for number in range(groups)]
    workspaces = [{"name": name, "usergroups": usergroups} for name in names or ("coreos",)]
    return {"workspaces": workspaces, "dry_run": dry_run}


def size(result: JobResult) -> int:
    return len(result.model_dump_json())


def test_a_dry_run_of_a_hundred_thousand_unknown_users_ends_with_a_small_result() -> None:
    names = ("one", "two", "three", "four", "five")
    integration = InMemorySlackUsergroups(*(workspace(name) for name in names))
    result = reconcile(integration, request(2, UNKNOWN, *names, dry_run=True))
    assert result.status is JobStatus.FAILED
    assert len(result.errors) == MAX_ERRORS
    assert len(result.errors) + result.errors_left_out == 2 * len(UNKNOWN) * len(names)
    assert size(result) < 30_000


def test_an_error_that_is_too_long_is_cut() -> None:
    record = JobRecord(JobProgress())
    record.fail("x" * 10 * MAX_ERROR_LENGTH)
    [error] = record.final().result.errors
    assert len(error) == MAX_ERROR_LENGTH
    assert error.endswith("x…")
    assert len(failed_progress(JobProgress(), "x" * 10 * MAX_ERROR_LENGTH).result.errors[0]) == MAX_ERROR_LENGTH


def test_a_thousand_actions_that_fail_are_all_tried_and_the_first_errors_are_told() -> None:
    class Refuses(InMemorySlackUsergroups):
        def apply(self, action: Any) -> None:
            raise IntegrationError(f"not {action.usergroup}")

    publisher = InMemoryEventPublisher()
    wanted = request(1000, ["user-0"])
    result = reconcile(Refuses(workspace(groups=1000)), wanted, events=EventManager(publisher))
    assert (len(result.errors), result.errors_left_out) == (MAX_ERRORS, 900)
    assert (result.done, result.of) == (0, 1000)
    assert len(publisher.events) == 1000


def test_actions_of_more_bytes_than_a_result_may_have_are_applied_and_counted_and_their_events_are_whole() -> None:
    users = [f"user-{number}" for number in range(400)]
    publisher = InMemoryEventPublisher()
    integration = InMemorySlackUsergroups(workspace(groups=100, users=400))
    result = reconcile(integration, request(100, users), events=EventManager(publisher))
    assert (result.status, result.done, result.of) == (JobStatus.SUCCESS, 100, 100)
    assert len(result.actions) + result.actions_left_out == 100
    assert len(result.applied_actions) + result.applied_actions_left_out == 100
    assert 0 < result.actions_left_out < 100
    assert size(result) < 2 * MAX_BYTES + 10_000
    assert all(list(event.data.users) == sorted(users) for event in publisher.events if type(event.data) is UpdateUsers)
    assert len(publisher.events) == 100


def test_an_action_that_is_shown_and_was_applied_is_shown_as_applied_whatever_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(job_record, "MAX_BYTES", 3000)
    result = reconcile(InMemorySlackUsergroups(workspace(groups=40)), request(40, ["user-0"]))
    assert result.actions_left_out > 0
    assert result.applied_actions == result.actions


def test_what_slices_leave_out_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_record, "MAX_BYTES", 3000)
    wanted = request(40, ["user-0", *UNKNOWN[:10]])
    at_once = reconcile(InMemorySlackUsergroups(workspace(groups=40)), wanted)
    sliced = reconcile(
        InMemorySlackUsergroups(workspace(groups=40)), wanted, job_slice=InMemoryJobSlice(slice_actions=7)
    )
    assert sliced == at_once
    assert (sliced.done, sliced.of, sliced.errors_left_out) == (40, 40, 300)
    assert sliced.actions_left_out > 0


def test_a_plan_has_the_first_of_many_errors_and_their_number() -> None:
    integration = InMemorySlackUsergroups(workspace())
    desired = integration.desired.model_validate(request(3, UNKNOWN)).scopes()["coreos"]
    plan: Plan[Any] = integration.plan(desired, workspace())
    assert (len(plan.errors), plan.errors_left_out) == (MAX_ERRORS, 3 * len(UNKNOWN) - MAX_ERRORS)


def test_errors_of_a_second_scope_for_which_there_is_no_room_are_counted_once_in_all_slices() -> None:
    names = ("one", "two")
    wanted = request(40, ["user-0", *UNKNOWN[:10]], *names)

    def integration() -> InMemorySlackUsergroups:
        return InMemorySlackUsergroups(*(workspace(name, groups=40) for name in names))

    sliced = reconcile(integration(), wanted, job_slice=InMemoryJobSlice(slice_actions=7))
    assert sliced == reconcile(integration(), wanted)
    assert (len(sliced.errors), sliced.errors_left_out) == (MAX_ERRORS, 2 * 400 - MAX_ERRORS)
