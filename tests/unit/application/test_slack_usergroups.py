"""The use case: workspaces are brought to their desired state, and what was done is told."""

from collections.abc import Sequence
from typing import Any

from qontract.adapters.memory import InMemoryEventPublisher, InMemorySlackUsergroups
from qontract.application.event_manager import EventManager
from qontract.application.ports.event_publisher import EventPublisher
from qontract.application.ports.integration import IntegrationError
from qontract.application.reconcile import job
from qontract.domain.events import DomainEvent
from qontract.domain.jobs import JobResult, JobStatus
from qontract.domain.slack_desired_state import DesiredUsergroups
from qontract.domain.slack_usergroups import UsergroupAction
from qontract.domain.slack_workspace import SlackUser, SlackUsergroup, SlackWorkspace
from qontract.testing.reconciling import InMemoryJobSlice, reconcile

USERS = (SlackUser(id="U1", name="alice"), SlackUser(id="U2", name="bob"), SlackUser(id="U3", name="carol"))
TEAM_A = SlackUsergroup(id="S1", handle="team-a", user_ids=("U1",))
TEAM_B = SlackUsergroup(id="S2", handle="team-b", user_ids=("U1",))


class Faulty(InMemorySlackUsergroups):
    """Refuses to apply to the usergroups in `refused`, and to read the workspaces in it; counts what it is asked."""

    def __init__(
        self, *workspaces: SlackWorkspace, refused: Sequence[str] = (), error: Exception | None = None
    ) -> None:
        super().__init__(*workspaces)
        self.refused = refused
        self.error = error or IntegrationError("Slack refused it: not_today")
        self.reads: list[str] = []
        self.applied: list[str] = []

    def read(self, scope: str) -> SlackWorkspace:
        self.reads.append(scope)
        if scope in self.refused:
            raise self.error
        return super().read(scope)

    def apply(self, action: UsergroupAction) -> None:
        self.applied.append(f"{action.workspace}/{action.usergroup}")
        if action.usergroup in self.refused:
            raise self.error
        super().apply(action)


class Recording(EventPublisher):
    """Keeps each call that it gets."""

    def __init__(self) -> None:
        self.calls: list[Sequence[DomainEvent]] = []

    def publish(self, events: Sequence[DomainEvent]) -> None:
        self.calls.append(list(events))


def slack(name: str = "coreos", *usergroups: SlackUsergroup) -> SlackWorkspace:
    return SlackWorkspace(name=name, users=USERS, usergroups=usergroups or (TEAM_A, TEAM_B))


def wanted(name: str = "coreos", users: Sequence[str] = ("bob",), handles: Sequence[str] = ("team-a", "team-b")) -> Any:
    return {"name": name, "usergroups": [{"handle": handle, "users": users} for handle in handles]}


def run(
    workspaces: InMemorySlackUsergroups, *desired: Any, publisher: EventPublisher | None = None, dry_run: bool = False
) -> JobResult:
    events = EventManager(publisher) if publisher else None
    state = {"workspaces": desired, "dry_run": dry_run}
    return reconcile(workspaces, state, events=events, correlation_id="request-1")


def members(workspaces: InMemorySlackUsergroups, name: str = "coreos") -> dict[str, tuple[str, ...]]:
    return {group.handle: group.user_ids for group in workspaces.workspaces[name].usergroups}


def test_what_was_planned_is_applied_and_published() -> None:
    workspaces, publisher = InMemorySlackUsergroups(slack()), InMemoryEventPublisher()
    result = run(workspaces, wanted(), publisher=publisher)
    assert result.status is JobStatus.SUCCESS
    assert result.errors == ()
    assert result.actions == result.applied_actions
    assert members(workspaces) == {"team-a": ("U2",), "team-b": ("U2",)}
    told = [event.model_dump(mode="json")["data"] | {"subject": event.subject} for event in publisher.events]
    about = {"summary", "creates", "removes"}
    assert told == [{name: action[name] for name in action if name not in about} for action in result.applied_actions]
    assert [event.subject for event in publisher.events] == ["coreos/team-a", "coreos/team-b"]
    assert {event.correlation_id for event in publisher.events} == {"request-1"}


def test_a_dry_run_plans_the_same_and_changes_and_publishes_nothing() -> None:
    workspaces, recording = InMemorySlackUsergroups(slack()), Recording()
    planned = run(workspaces, wanted(), publisher=recording, dry_run=True)
    assert members(workspaces) == {"team-a": ("U1",), "team-b": ("U1",)}
    assert planned.applied_actions == ()
    assert recording.calls == []
    assert planned.actions == run(workspaces, wanted()).actions != ()


def test_a_dry_run_that_fails_publishes_nothing_either() -> None:
    recording = Recording()
    result = run(InMemorySlackUsergroups(), wanted(), publisher=recording, dry_run=True)
    assert result.status is JobStatus.FAILED
    assert recording.calls == []


def test_a_dry_run_locks_nothing_and_any_other_run_its_workspaces() -> None:
    state = DesiredUsergroups.model_validate({"workspaces": [wanted("one"), wanted("two")]})
    assert job(InMemorySlackUsergroups, state).locks == ()
    assert job(InMemorySlackUsergroups, state.model_copy(update={"dry_run": False})).locks == (
        "slack-usergroups/one",
        "slack-usergroups/two",
    )


def test_a_second_run_right_after_the_first_plans_nothing_and_publishes_nothing() -> None:
    workspaces, recording = InMemorySlackUsergroups(slack()), Recording()
    run(workspaces, wanted(handles=["team-a", "team-c"]))
    second = run(workspaces, wanted(handles=["team-a", "team-c"]), publisher=recording)
    assert (second.status, second.actions) == (JobStatus.SUCCESS, ())
    assert recording.calls == []


def test_a_failing_action_does_not_stop_the_others() -> None:
    workspaces, publisher = Faulty(slack(), refused=["team-a"]), InMemoryEventPublisher()
    result = run(workspaces, wanted(), publisher=publisher)
    assert members(workspaces) == {"team-a": ("U1",), "team-b": ("U2",)}
    assert result.status is JobStatus.FAILED
    assert result.errors == ("coreos/team-a: Slack refused it: not_today",)
    assert [action["usergroup"] for action in result.actions] == ["team-a", "team-b"]
    assert [action["usergroup"] for action in result.applied_actions] == ["team-b"]
    error, applied = publisher.events
    assert error.type == "qontract-api.slack-usergroups.error"
    assert error.model_dump()["data"] == {
        "workspace": "coreos",
        "usergroup": "team-a",
        "action_type": "update_users",
        "error": "Slack refused it: not_today",
    }
    assert (error.subject, error.correlation_id) == ("coreos/team-a", "request-1")
    assert applied.type == "qontract-api.slack-usergroups.update_users"


def test_a_workspace_that_cannot_be_read_does_not_stop_the_others() -> None:
    workspaces, publisher = Faulty(slack("one"), slack("two"), refused=["one"]), InMemoryEventPublisher()
    result = run(workspaces, wanted("one"), wanted("two"), publisher=publisher)
    assert members(workspaces, "one") == {"team-a": ("U1",), "team-b": ("U1",)}
    assert members(workspaces, "two") == {"team-a": ("U2",), "team-b": ("U2",)}
    assert result.errors == ("one: Slack refused it: not_today",)
    assert publisher.events[0].type == "qontract-api.slack-usergroups.error"
    assert [event.subject for event in publisher.events] == ["one", "two/team-a", "two/team-b"]


def test_an_unknown_workspace_does_not_stop_the_others() -> None:
    workspaces = InMemorySlackUsergroups(slack("two"))
    result = run(workspaces, wanted("one"), wanted("two"))
    assert result.errors == ("one: no token for the workspace 'one'",)
    assert members(workspaces, "two") == {"team-a": ("U2",), "team-b": ("U2",)}


def test_groups_of_one_handle_in_two_workspaces_have_nothing_to_do_with_each_other() -> None:
    workspaces = InMemorySlackUsergroups(slack("one"), slack("two", TEAM_A), slack("three"))
    result = run(workspaces, wanted("one", ["bob"]), wanted("two", ["carol"], ["team-a"]))
    assert result.errors == ()
    assert members(workspaces, "one") == {"team-a": ("U2",), "team-b": ("U2",)}
    assert members(workspaces, "two") == {"team-a": ("U3",)}
    assert members(workspaces, "three") == {"team-a": ("U1",), "team-b": ("U1",)}


def test_an_unknown_user_fails_the_run_by_name_and_the_rest_is_applied() -> None:
    workspaces = InMemorySlackUsergroups(slack())
    result = run(workspaces, wanted(users=["bob", "ghost"], handles=["team-a"]))
    assert result.status is JobStatus.FAILED
    assert result.errors == ("coreos/team-a: Slack has no active user 'ghost'",)
    assert members(workspaces)["team-a"] == ("U2",)


def test_each_event_is_published_when_its_action_is_done_and_not_at_the_end() -> None:
    told: list[tuple[str | None, ...]] = []

    class Watching(InMemorySlackUsergroups):
        def apply(self, action: UsergroupAction) -> None:
            super().apply(action)
            told.append(tuple(event.subject for event in publisher.events))

    publisher = InMemoryEventPublisher()
    run(Watching(slack("one"), slack("two")), wanted("one"), wanted("two"), publisher=publisher)
    assert told == [(), ("one/team-a",), ("one/team-a", "one/team-b"), ("one/team-a", "one/team-b", "two/team-a")]
    assert len(publisher.events) == 4


def test_a_publisher_that_raises_does_not_break_the_run() -> None:
    class Broken(EventPublisher):
        def publish(self, events: Sequence[DomainEvent]) -> None:
            raise RuntimeError("anything")

    workspaces = InMemorySlackUsergroups(slack())
    result = run(workspaces, wanted(), publisher=Broken())
    assert result == run(InMemorySlackUsergroups(slack()), wanted())
    assert members(workspaces) == {"team-a": ("U2",), "team-b": ("U2",)}


def test_without_an_event_manager_the_work_is_done_all_the_same() -> None:
    workspaces = InMemorySlackUsergroups(slack())
    assert run(workspaces, wanted()).status is JobStatus.SUCCESS
    assert members(workspaces) == {"team-a": ("U2",), "team-b": ("U2",)}


def test_a_run_that_is_interrupted_still_publishes_what_it_did() -> None:
    workspaces, publisher = Faulty(slack(), refused=["team-b"], error=TimeoutError()), InMemoryEventPublisher()
    result = run(workspaces, wanted(), publisher=publisher)
    assert result.status is JobStatus.FAILED
    assert [action["usergroup"] for action in result.applied_actions] == ["team-a"]
    assert result.errors[-1].startswith("interrupted: TimeoutError")
    assert [event.subject for event in publisher.events] == ["coreos/team-a"]


def test_a_workspace_that_is_superseded_by_a_later_job_is_not_even_read() -> None:
    workspaces = Faulty(slack("one"), slack("two"))
    job_slice = InMemoryJobSlice(superseded={"slack-usergroups/one"})
    result = reconcile(workspaces, {"workspaces": [wanted("one"), wanted("two")]}, job_slice=job_slice)
    assert result.status is JobStatus.SKIPPED
    assert set(workspaces.reads) == {"two"}
    assert members(workspaces, "one") == {"team-a": ("U1",), "team-b": ("U1",)}


def test_a_workspace_is_read_once_and_only_what_differs_is_written() -> None:
    class Counting(Faulty):
        def apply(self, action: UsergroupAction) -> None:
            self.applied.append(action.usergroup)

    workspaces = Counting(slack())
    run(workspaces, wanted(users=["alice"], handles=["team-a"]), wanted("other"))
    assert workspaces.reads == ["coreos", "other"]
    assert workspaces.applied == []


def test_two_thousand_groups_are_planned_in_one_run() -> None:
    workspaces = InMemorySlackUsergroups(slack())
    handles = [f"group-{number}" for number in range(2000)]
    planned = run(workspaces, wanted(handles=handles), dry_run=True)
    assert len(planned.actions) == 2000
