"""No hole between the effect and the event: what a run that died had applied is published, by whoever comes next."""

import logging

import pytest

from qontract.adapters.memory import (
    InMemoryEventPublisher,
    InMemoryEventSpool,
    InMemoryIntents,
    InMemorySlackUsergroups,
)
from qontract.application.event_manager import EventManager
from qontract.application.pending_intents import recover
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.application.ports.event_spool import EventSpoolError
from qontract.application.ports.integration import IntegrationError
from qontract.application.ports.intents import IntentsError
from qontract.domain.events import DomainEvent
from qontract.domain.jobs import JobResult, JobStatus
from qontract.domain.slack_usergroups import CreateUsergroup, UsergroupAction
from qontract.domain.slack_workspace import SlackUser, SlackUsergroup, SlackWorkspace
from qontract.testing.reconciling import reconcile

SCOPE = "slack-usergroups/coreos"
USERS = (SlackUser(id="U1", name="alice"), SlackUser(id="U2", name="bob"))


class Death(BaseException):
    """The worker is gone: nothing of it runs after this."""


class Mortal(InMemorySlackUsergroups):
    """Dies, once, `before` or `after` the next action is applied, or when it is `halfway` created."""

    dies: str = ""

    def apply(self, action: UsergroupAction) -> None:
        dies, self.dies = self.dies, ""
        if dies == "before":
            raise Death
        if dies == "halfway" and isinstance(action, CreateUsergroup):
            action = action.model_copy(update={"user_ids": (), "users": ()})
        super().apply(action)
        if dies:
            raise Death


class System:
    """What outlasts a worker: Slack, the events, the intents, the spool."""

    def __init__(self) -> None:
        group = SlackUsergroup(id="S1", handle="team-a", user_ids=("U1",))
        self.slack = Mortal(SlackWorkspace(name="coreos", users=USERS, usergroups=(group,)))
        self.publisher = InMemoryEventPublisher()
        self.intents = InMemoryIntents(self.publisher)
        self.spool = InMemoryEventSpool()

    @property
    def events(self) -> EventManager:
        return EventManager(self.publisher, spool=self.spool, intents=self.intents)

    def run(self, **groups: list[str]) -> JobResult:
        usergroups = [{"handle": handle.replace("_", "-"), "users": users} for handle, users in groups.items()]
        workspace = {"name": "coreos", "usergroups": usergroups}
        return reconcile(self.slack, {"workspaces": [workspace]}, events=self.events)

    def run_dying(self, when: str, **groups: list[str]) -> None:
        self.slack.dies = when
        with pytest.raises(Death):
            self.run(**groups)

    def recover(self) -> None:
        recover(SCOPE, integration=self.slack, events=self.events)

    def published(self) -> list[tuple[str, list[str]]]:
        kinds = [event.model_dump(mode="json") for event in self.publisher.events]
        return [(kind["type"].rpartition(".")[2], kind["data"].get("users", [])) for kind in kinds]


@pytest.fixture
def system() -> System:
    return System()


def test_an_intent_is_on_record_before_its_action_is_applied_and_has_the_id_of_the_event(system: System) -> None:
    recorded: list[DomainEvent] = []

    class Looking(Mortal):
        def apply(self, action: UsergroupAction) -> None:
            recorded.extend(system.intents.pending()[SCOPE])
            super().apply(action)

    system.slack = Looking(*system.slack.workspaces.values())
    system.run(team_a=["bob"])
    assert [event.id for event in recorded] == [event.id for event in system.publisher.events]
    assert system.intents.pending() == {}


def test_what_a_worker_had_applied_when_it_died_is_published_by_the_job_that_is_delivered_again(system: System) -> None:
    system.run_dying("after", team_a=["bob"])
    assert system.published() == []
    (intent,) = system.intents.pending()[SCOPE]
    assert system.run(team_a=["bob"]).status is JobStatus.SUCCESS
    assert system.published() == [("update_users", ["bob"])]
    assert [event.id for event in system.publisher.events] == [intent.id]
    assert system.intents.pending() == {}


def test_what_a_worker_had_not_applied_when_it_died_is_dropped_and_done_and_published_once(system: System) -> None:
    system.run_dying("before", team_a=["bob"])
    system.run(team_a=["bob"])
    assert system.published() == [("update_users", ["bob"])]
    assert system.intents.pending() == {}


def test_what_was_applied_is_published_before_a_later_job_changes_it_again(system: System) -> None:
    system.run_dying("after", team_a=["bob"])
    system.run(team_a=["alice", "bob"])
    assert system.published() == [("update_users", ["bob"]), ("update_users", ["alice", "bob"])]


def test_recovery_publishes_what_no_job_comes_back_for(system: System) -> None:
    system.run_dying("after", team_a=["bob"])
    system.recover()
    system.recover()
    assert system.published() == [("update_users", ["bob"])]


def test_recovery_drops_what_was_not_applied(system: System) -> None:
    system.run_dying("before", team_a=["bob"])
    system.recover()
    assert system.published() == []
    assert system.intents.pending() == {}


def test_a_usergroup_that_was_created_halfway_is_published_as_it_is_and_the_rest_when_it_is_done(
    system: System,
) -> None:
    system.run_dying("halfway", new=["bob"])
    system.run(new=["bob"])
    assert system.published() == [("create", []), ("update_users", ["bob"])]


def test_what_is_published_in_part_has_an_id_of_its_own_so_that_who_applied_it_can_still_publish_all_of_it(
    system: System,
) -> None:
    system.run_dying("halfway", new=["bob"])
    (intent,) = system.intents.pending()[SCOPE]
    system.recover()
    assert system.intents.pending() == {}
    (part,) = system.publisher.events
    assert part.extensions["intentid"] == intent.id
    system.intents.record(SCOPE, intent)  # as a server that fell back has it again
    system.recover()
    assert system.publisher.events == [part]
    assert system.events.publish_event(intent)
    assert system.published() == [("create", []), ("create", ["bob"])]


def test_an_action_that_failed_but_shows_in_slack_is_published(system: System) -> None:
    class Unanswered(Mortal):
        def apply(self, action: UsergroupAction) -> None:
            super().apply(action)
            raise IntegrationError("Slack did not answer")

    system.slack = Unanswered(*system.slack.workspaces.values())
    assert system.run(team_a=["bob"]).status is JobStatus.FAILED
    assert system.published() == [("error", [])]
    system.recover()
    assert system.published() == [("error", []), ("update_users", ["bob"])]


def test_intents_in_the_spool_are_resolved_too(system: System) -> None:
    class NoIntents(InMemoryIntents):
        def record(self, scope: str, event: DomainEvent) -> None:
            raise IntentsError("no Redis")

    system.intents = NoIntents(system.publisher)
    system.run_dying("after", team_a=["bob"])
    system.recover()
    assert system.published() == [("update_users", ["bob"])]
    assert system.spool.pending() == {}


def test_nothing_is_begun_that_might_lose_its_event(system: System) -> None:
    class NoIntents(InMemoryIntents):
        def record(self, scope: str, event: DomainEvent) -> None:
            raise IntentsError("no Redis")

    system.intents, system.spool = NoIntents(system.publisher), InMemoryEventSpool(0)
    result = system.run(team_a=["bob"])
    assert result.status is JobStatus.FAILED
    assert result.applied_actions == ()
    assert result.errors == (
        "coreos/team-a: not begun, for its event could be kept nowhere: neither in Redis nor here",
    )
    assert system.slack.workspaces["coreos"].usergroups[0].user_ids == ("U1",)


def test_nothing_is_begun_while_what_is_pending_cannot_be_read(system: System) -> None:
    class Unreadable(InMemoryIntents):
        def pending(self) -> dict[str, list[DomainEvent]]:
            raise IntentsError("no Redis")

    system.intents = Unreadable(system.publisher)
    result = system.run(team_a=["bob"])
    assert result.errors == ("coreos: not begun, for what earlier runs left pending cannot be read: no Redis",)
    assert system.slack.workspaces["coreos"].usergroups[0].user_ids == ("U1",)


def test_a_spool_that_cannot_be_read_does_not_keep_a_job_from_its_work(system: System) -> None:
    class Unreadable(InMemoryEventSpool):
        def pending(self) -> dict[str, list[DomainEvent]]:
            raise EventSpoolError("no disk")

        def oldest(self, count: int) -> list[DomainEvent]:
            raise EventSpoolError("no disk")

    system.spool = Unreadable()
    assert system.run(team_a=["bob"]).status is JobStatus.SUCCESS
    assert system.published() == [("update_users", ["bob"])]


def test_an_event_that_is_found_applied_and_can_be_kept_nowhere_stays_pending(system: System) -> None:
    class Away(InMemoryEventPublisher):
        def publish(self, events: object) -> None:
            raise EventPublisherError("full")

    system.run_dying("after", team_a=["bob"])
    manager = EventManager(Away(), spool=InMemoryEventSpool(0), intents=system.intents)
    recover(SCOPE, integration=system.slack, events=manager)
    assert len(system.intents.pending()[SCOPE]) == 1
    system.recover()
    assert system.published() == [("update_users", ["bob"])]


def test_a_dry_run_resolves_nothing(system: System) -> None:
    system.run_dying("after", team_a=["bob"])
    desired = {"workspaces": [{"name": "coreos", "usergroups": []}], "dry_run": True}
    reconcile(system.slack, desired, events=system.events)
    assert system.published() == []


def test_an_intent_whose_action_this_version_does_not_know_stays_pending(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    event = DomainEvent(type="qontract-api.slack-usergroups.rename", data={"workspace": "coreos"})
    system.intents.record(SCOPE, event)
    system.recover()
    assert system.intents.pending() == {SCOPE: [event]}
    assert event.id in str(caplog.records[0].__dict__)
