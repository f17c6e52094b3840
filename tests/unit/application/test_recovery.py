"""The sweep: sends what is spooled, and settles what nobody works on."""

from datetime import UTC, datetime, timedelta

import pytest
from pytest_mock import MockerFixture

from qontract.adapters.memory import InMemoryEventPublisher, InMemoryEventSpool, InMemoryIntents, InMemoryJobQueue
from qontract.application.event_manager import EventManager
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.application.ports.event_spool import EventSpoolError
from qontract.application.ports.intents import IntentsError
from qontract.application.ports.slack_workspaces import SlackWorkspacesError
from qontract.application.recovery import sweep
from qontract.domain.events import DomainEvent

MINUTE = timedelta(minutes=1)


class System:
    def __init__(self) -> None:
        self.publisher, self.spool = InMemoryEventPublisher(), InMemoryEventSpool()
        self.intents, self.jobs = InMemoryIntents(self.publisher), InMemoryJobQueue({})
        self.events = EventManager(self.publisher, spool=self.spool, intents=self.intents)
        self.recovered: list[str] = []
        self.later: dict[str, datetime] = {}

    def begin(self, scope: str, age: timedelta) -> None:
        event = DomainEvent(type="a.b", data={}, time=datetime.now(UTC) - age)
        self.intents.record(scope, event)

    def recover(self, scope: str) -> None:
        self.recovered.append(scope)
        if "unreadable" in scope:
            raise SlackWorkspacesError("Slack did not answer")

    def sweep(self) -> list[str]:
        sweep(self.events, self.jobs, {"slack": self.recover}, in_doubt_after=MINUTE, later=self.later)
        return self.recovered


@pytest.fixture
def system() -> System:
    return System()


def test_spooled_events_are_sent_though_nobody_publishes(system: System) -> None:
    event = DomainEvent(type="a.b", source="/here", data={})
    system.spool.append([event])
    system.sweep()
    assert system.publisher.events == [event]


def test_a_damaged_spool_does_not_switch_off_the_recovery_of_other_intents(
    system: System, mocker: MockerFixture
) -> None:
    system.begin("slack/old", 2 * MINUTE)
    damaged = EventSpoolError("file is not a database")
    for method in ("oldest", "open"):
        mocker.patch.object(system.spool, method, side_effect=damaged)
    assert system.sweep() == ["slack/old"]


def test_intents_that_cannot_be_read_do_not_keep_back_what_is_spooled(system: System, mocker: MockerFixture) -> None:
    event = DomainEvent(type="a.b", source="/here", data={})
    system.spool.append([event])
    mocker.patch.object(system.intents, "open", side_effect=IntentsError("Redis is away"))
    system.sweep()
    assert system.publisher.events == [event]


def test_intents_are_settled_once_they_are_old_enough_and_nobody_works_on_them(system: System) -> None:
    system.begin("slack/old", 2 * MINUTE)
    system.begin("slack/young", MINUTE / 2)
    assert system.sweep() == ["slack/old"]


def test_a_young_intent_keeps_the_older_ones_of_its_scope_waiting(system: System) -> None:
    system.begin("slack/one", 2 * MINUTE)
    system.begin("slack/one", MINUTE / 2)
    assert system.sweep() == []


def test_what_a_job_is_at_work_on_is_left_to_it(system: System) -> None:
    system.begin("slack/one", 2 * MINUTE)
    with system.jobs.exclusively("slack/one"):
        assert system.sweep() == []
    assert system.sweep() == []
    system.later["slack/one"] -= MINUTE
    assert system.sweep() == ["slack/one"]


def test_a_scope_that_cannot_be_settled_keeps_no_other_from_it(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    for scope in ("slack/unreadable", "unheard-of/x", "slack/one"):
        system.begin(scope, 2 * MINUTE)
    assert system.sweep() == ["slack/unreadable", "slack/one"]
    assert system.sweep() == ["slack/unreadable", "slack/one"], "not again at once"
    assert [record.__dict__["scope"] for record in caplog.records] == ["slack/unreadable", "unheard-of/x"]


def test_an_outage_is_not_an_error_of_the_sweep(system: System) -> None:
    class Away(InMemoryEventPublisher):
        def publish(self, events: object) -> None:
            raise EventPublisherError("no Redis")

    system.spool.append([DomainEvent(type="a.b", data={})])
    sweep(EventManager(Away(), spool=system.spool), system.jobs, {}, in_doubt_after=MINUTE, later={})
    assert len(system.spool.oldest(9)) == 1
