"""A job that somebody cancels stops before its next action, and tells what it had done."""

from qontract.adapters.memory import InMemoryEventPublisher, InMemoryIntents
from qontract.application.event_manager import EventManager
from qontract.application.jobs import Unfinished
from qontract.domain.job_views import status_of_scope
from qontract.domain.jobs import JobProgress, JobStatus
from qontract.testing.reconciling import InMemoryJobSlice, reconcile
from tests.unit.application.test_reconcile_slices import LOCK, slack, slice_of, wanted


def test_it_stops_before_its_next_action_and_has_failed_for_some_are_applied() -> None:
    publisher, integration = InMemoryEventPublisher(), slack()
    events = EventManager(publisher, intents=InMemoryIntents(publisher))
    job_slice = InMemoryJobSlice(cancels="alice", cancel_after=2)
    result = reconcile(integration, wanted(), events=events, job_slice=job_slice)
    assert (result.status, result.done, result.of) == (JobStatus.FAILED, 2, 5)
    assert (result.errors, result.cancelled_by) == (("cancelled by alice",), "alice")
    assert result.applied_actions == result.actions[:2]
    assert [event.subject for event in publisher.events] == ["coreos/team-0", "coreos/team-1"]
    assert events.pending() == {}
    changed = [group.handle for group in integration.read("coreos").usergroups if len(group.user_ids) > 1]
    assert changed == ["team-0", "team-1"]


def test_before_its_first_action_it_reads_nothing_and_is_skipped() -> None:
    integration = slack()
    result = reconcile(integration, wanted(), job_slice=InMemoryJobSlice(cancels="alice"))
    assert (result.status, result.actions, result.cancelled_by) == (JobStatus.SKIPPED, (), "alice")


def test_of_several_scopes_those_that_had_ended_have_succeeded_and_the_others_not() -> None:
    job_slice = InMemoryJobSlice(cancels="alice", cancel_after=7)
    ended = slice_of(slack("one", "two", "three"), job_slice, wanted("one", "two", "three"))
    assert isinstance(ended, JobProgress)
    found = [status_of_scope(f"slack-usergroups/{name}", ended) for name in ("one", "two", "three")]
    assert found == [JobStatus.SUCCESS, JobStatus.FAILED, JobStatus.FAILED]
    assert ended.result.done == 7


def test_cancelled_after_its_last_action_it_has_succeeded() -> None:
    result = reconcile(slack(), wanted(), job_slice=InMemoryJobSlice(cancels="alice", cancel_after=5))
    assert (result.status, result.done, result.cancelled_by) == (JobStatus.SUCCESS, 5, None)


def test_a_scope_with_an_error_has_failed_and_one_without_has_succeeded() -> None:
    bad = wanted("two", users=("nobody",))
    desired = {"workspaces": [*wanted("one")["workspaces"], *bad["workspaces"]]}
    ended = slice_of(slack("one", "two"), InMemoryJobSlice(), desired)
    assert isinstance(ended, JobProgress)
    found = [status_of_scope(f"slack-usergroups/{name}", ended) for name in ("one", "two")]
    assert found == [JobStatus.SUCCESS, JobStatus.FAILED]


def test_what_failed_in_a_scope_in_an_earlier_slice_is_not_forgotten() -> None:
    desired = wanted()
    desired["workspaces"][0]["usergroups"][0]["users"] = ["nobody"]
    integration = slack()
    first = slice_of(integration, InMemoryJobSlice(slice_actions=1), desired)
    assert isinstance(first, Unfinished)
    last = slice_of(integration, InMemoryJobSlice(progress=first.progress), desired)
    assert isinstance(last, JobProgress)
    assert status_of_scope(LOCK, last) is JobStatus.FAILED
