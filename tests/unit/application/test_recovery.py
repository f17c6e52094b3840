"""Recovery: republishes what is spooled, resolves intents that nobody works on, runs lost jobs again."""

from datetime import UTC, datetime, timedelta

import pytest
from pytest_mock import MockerFixture

from qontract.adapters.memory import (
    InMemoryEventPublisher,
    InMemoryEventSpool,
    InMemoryIntents,
    InMemoryJobQueue,
    InMemorySlackUsergroups,
)
from qontract.application.event_manager import EventManager
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.application.ports.event_spool import EventSpoolError
from qontract.application.ports.intents import IntentsError
from qontract.application.ports.job_queue import JobQueueError
from qontract.application.recovery import recover_all
from qontract.domain.events import DomainEvent
from qontract.domain.slack_usergroups import UpdateUsers
from qontract.domain.slack_workspace import SlackUser, SlackUsergroup, SlackWorkspace
from tests.support.slack_events import applied

MINUTE = timedelta(minutes=1)
TEAM_A = SlackUsergroup(id="S1", handle="team-a", user_ids=("U1",))


class System:
    """Workspaces whose group has already the one member that each intent is about."""

    def __init__(self) -> None:
        self.publisher, self.spool = InMemoryEventPublisher(), InMemoryEventSpool()
        self.intents, self.jobs = InMemoryIntents(self.publisher), InMemoryJobQueue({})
        self.events = EventManager(self.publisher, spool=self.spool, intents=self.intents)
        users = (SlackUser(id="U1", name="alice"),)
        names = ("one", "two", "old", "young")
        workspaces = [SlackWorkspace(name=name, users=users, usergroups=(TEAM_A,)) for name in names]
        self.slack = InMemorySlackUsergroups(*workspaces)
        self.later: dict[str, datetime] = {}

    def begin(self, lock: str, age: timedelta) -> None:
        action = UpdateUsers(
            workspace=lock.partition("/")[2],
            usergroup="team-a",
            usergroup_id="S1",
            users=("alice",),
            user_ids=("U1",),
            users_to_add=("alice",),
            users_to_remove=(),
        )
        self.intents.record(lock, applied(action).model_copy(update={"time": datetime.now(UTC) - age}))

    def recover(self) -> list[str]:
        recover_all(self.events, self.jobs, {"slack-usergroups": self.slack}, later=self.later)
        return [f"{event.subject}" for event in self.publisher.events]


@pytest.fixture
def system() -> System:
    return System()


def test_spooled_events_are_republished_though_nobody_publishes(system: System) -> None:
    event = DomainEvent(type="a.b", source="/here", data={})
    system.spool.append([event])
    system.recover()
    assert system.publisher.events == [event]


def test_a_damaged_spool_does_not_switch_off_the_recovery_of_other_intents(
    system: System, mocker: MockerFixture
) -> None:
    system.begin("slack-usergroups/old", 2 * MINUTE)
    damaged = EventSpoolError("file is not a database")
    for method in ("oldest", "pending"):
        mocker.patch.object(system.spool, method, side_effect=damaged)
    assert system.recover() == ["old/team-a"]


def test_intents_that_cannot_be_read_do_not_keep_back_what_is_spooled(system: System, mocker: MockerFixture) -> None:
    event = DomainEvent(type="a.b", source="/here", data={})
    system.spool.append([event])
    mocker.patch.object(system.intents, "pending", side_effect=IntentsError("Redis is away"))
    system.recover()
    assert system.publisher.events == [event]


def test_intents_are_resolved_once_they_are_old_enough_and_nobody_works_on_them(system: System) -> None:
    system.begin("slack-usergroups/old", 2 * MINUTE)
    system.begin("slack-usergroups/young", MINUTE / 2)
    assert system.recover() == ["old/team-a"]


def test_the_log_says_which_intents_were_found_applied(system: System, caplog: pytest.LogCaptureFixture) -> None:
    empty = system.slack.workspaces["two"].model_copy(update={"usergroups": ()})
    system.slack.workspaces["two"] = empty
    for name in ("one", "two"):
        system.begin(f"slack-usergroups/{name}", 2 * MINUTE)
    assert system.recover() == ["one/team-a"]
    lines = [line for line in caplog.records if line.message == "intent resolved"]
    assert [line.__dict__["outcome"] for line in lines] == ["applied", "not applied"]


def test_how_old_an_intent_has_to_be_is_the_integrations_to_say(system: System) -> None:
    system.begin("slack-usergroups/young", MINUTE / 2)
    system.slack.in_doubt_seconds = 20
    assert system.recover() == ["young/team-a"]


def test_a_young_intent_keeps_the_older_ones_of_its_scope_waiting_and_those_of_no_other(system: System) -> None:
    system.begin("slack-usergroups/one", 3 * MINUTE)
    system.begin("slack-usergroups/one", MINUTE / 2)
    system.begin("slack-usergroups/two", 2 * MINUTE)
    assert system.recover() == ["two/team-a"]


def test_what_a_job_is_at_work_on_is_left_to_it(system: System) -> None:
    system.begin("slack-usergroups/one", 2 * MINUTE)
    with system.jobs.locked("slack-usergroups/one"):
        assert system.recover() == []
    assert system.recover() == []
    system.later["slack-usergroups/one"] -= MINUTE
    assert system.recover() == ["one/team-a"]


def test_a_scope_that_cannot_be_recovered_keeps_no_other_from_it(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    for lock in ("slack-usergroups/unreadable", "unheard-of/x", "slack-usergroups/one"):
        system.begin(lock, 2 * MINUTE)
    assert system.recover() == ["one/team-a"]
    seen = [
        record.__dict__["lock"]
        for record in caplog.records
        if "pending" in record.message or "not resolved" in record.message
    ]
    assert seen == ["slack-usergroups/unreadable", "unheard-of/x"]
    caplog.clear()
    assert system.recover() == ["one/team-a"]
    assert caplog.records == [], "not again at once"


def test_an_outage_is_not_an_error_of_the_recovery(system: System, mocker: MockerFixture) -> None:
    system.spool.append([DomainEvent(type="a.b", data={})])
    mocker.patch.object(system.publisher, "publish", side_effect=EventPublisherError("no Redis"))
    mocker.patch.object(system.jobs, "resubmit_lost", side_effect=JobQueueError("no Redis"))
    system.recover()
    assert len(system.spool.oldest(9)) == 1


def test_lost_jobs_are_run_again_also_where_events_are_disabled(system: System, mocker: MockerFixture) -> None:
    resubmit = mocker.patch.object(system.jobs, "resubmit_lost", return_value=1)
    recover_all(None, system.jobs, {}, later={})
    assert resubmit.call_count == 1
