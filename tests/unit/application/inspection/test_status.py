"""Every part is asked at once, and none is waited for for long."""

from collections.abc import Sequence
from datetime import timedelta
from threading import Event, Timer, current_thread
from time import monotonic
from typing import Any

import pytest

from qontract.adapters.memory import (
    InMemoryEventPublisher,
    InMemoryEventSpool,
    InMemoryEventStore,
    InMemoryIntents,
    InMemoryJobAdmin,
    InMemoryJobQueue,
    InMemoryProcessRegistry,
    InMemoryServerInfo,
    InMemorySubscriptions,
)
from qontract.application.event_manager import EventManager
from qontract.application.inspection.status import SystemStatus
from qontract.application.ports.event_spool import EventSpoolError
from qontract.application.ports.intents import IntentsError
from qontract.application.ports.process_registry import ProcessRegistry, ProcessRegistryError
from qontract.application.ports.server_info import ServerInfoError
from qontract.application.ports.subscriptions import SubscriptionsError
from qontract.domain.events import DomainEvent
from qontract.domain.health_findings import ProbeFailure
from qontract.domain.processes import Process, ProcessKind, ProcessView, SpoolView
from qontract.domain.status import status_of
from tests.unit.domain.test_processes import process


class System:
    """A system in memory, of which each part can fail."""

    def __init__(self, process_registry: ProcessRegistry | None = None, *, signs: bool = True, **more: Any) -> None:
        self.server = InMemoryServerInfo()
        self.process_registry = InMemoryProcessRegistry()
        self.jobs = InMemoryJobAdmin(InMemoryJobQueue({}))
        self.events = InMemoryEventStore()
        self.subscriptions = InMemorySubscriptions(self.events)
        self.spool = InMemoryEventSpool()
        publisher = InMemoryEventPublisher()
        self.intents = InMemoryIntents(publisher)
        self.status = SystemStatus(
            self.server,
            process_registry or self.process_registry,
            (lambda: self.jobs) if signs else None,
            self.subscriptions,
            EventManager(publisher, spool=self.spool, intents=self.intents),
            spool=("ops-1", "/spool.sqlite"),
            needed={ProcessKind.WORKER},
            abandoned_seconds=1000,
            **more,
        )


def test_what_each_part_answers_is_among_the_facts() -> None:
    system = System()
    system.process_registry.show(process())
    system.intents.record("slack-usergroups/acme", DomainEvent(type="a.b"))
    facts = system.status.read_facts()
    assert facts.server == system.server.view
    assert [seen.process for seen in facts.processes] == [process()]  # type: ignore[union-attr]
    assert facts.subscriptions == []
    assert list(facts.intents) == ["slack-usergroups/acme"]  # type: ignore[arg-type]
    assert facts.spool is None
    assert status_of(facts).sentence == "Well: 1 worker; 0 subscriptions."


def test_events_in_the_spool_of_this_machine_are_told_also_while_redis_is_away() -> None:
    system = System()
    system.server.fail("read", ServerInfoError("redis-1:6379 refused or did not answer"))
    old = DomainEvent(type="a.b")
    system.spool.append([old.model_copy(update={"time": old.time - timedelta(minutes=12)})])
    *_, spool = status_of(system.status.read_facts()).findings
    assert spool.brief == "1 event waits in the spool of ops-1"


def test_a_part_that_fails_says_why_and_the_others_answer() -> None:
    system = System()
    system.process_registry.show(process())
    failures: dict[Any, tuple[str, Exception]] = {
        system.server: ("read", ServerInfoError("no server")),
        system.process_registry: ("all", ProcessRegistryError("no process_registry")),
        system.subscriptions: ("all", SubscriptionsError("no subscriptions")),
        system.intents: ("pending", IntentsError("no intents")),
    }
    for part, (method, error) in failures.items():
        part.fail(method, error)
        facts = system.status.read_facts()
        unanswered = [fact for fact in vars(facts).values() if isinstance(fact, ProbeFailure)]
        assert unanswered == [ProbeFailure(str(error))]


def test_a_spool_that_cannot_be_read_is_not_well() -> None:
    system = System()
    system.process_registry.show(process())
    system.spool.fail("waiting", EventSpoolError("the spool /spool.sqlite: disk I/O error"))
    assert status_of(system.status.read_facts()).sentence == "Not well: the spool of ops-1 cannot be read."


def test_an_error_that_nobody_expects_is_as_no_answer() -> None:
    system = System()
    system.subscriptions.fail("all", ZeroDivisionError())
    assert system.status.read_facts().subscriptions == ProbeFailure("ZeroDivisionError")


class Hanging(ProcessRegistry):
    """Does not answer before the `end`; notes whether its thread holds up the end of the process."""

    def __init__(self, end: Event) -> None:
        self._end = end
        self.holds_up = True

    def show(self, process: Process) -> None:
        raise NotImplementedError

    def withdraw(self, process: Process) -> None:
        raise NotImplementedError

    def all(self) -> Sequence[ProcessView]:
        self.holds_up = not current_thread().daemon
        self._end.wait(20)
        return ()


def test_a_part_that_hangs_is_not_waited_for_and_the_others_are_told() -> None:
    end = Event()
    process_registry = Hanging(end)
    system = System(process_registry, seconds=0.3)
    began = monotonic()
    facts = system.status.read_facts()
    assert monotonic() - began < 2
    assert facts.processes == ProbeFailure("no answer within 0.3 s")
    assert facts.server == system.server.view
    assert not process_registry.holds_up
    end.set()


def test_a_part_that_takes_a_moment_is_waited_for() -> None:
    end = Event()
    later = Timer(0.1, end.set)
    later.start()
    assert System(Hanging(end), seconds=20).status.read_facts().processes == ()
    later.join()


def test_a_spool_that_hangs_is_named_with_its_host_and_path(monkeypatch: pytest.MonkeyPatch) -> None:
    end, system = Event(), System(seconds=0.2)
    monkeypatch.setattr(system.spool, "waiting", lambda: end.wait(20))
    error = "no answer within 0.2 s"
    assert system.status.read_facts().spool == ("ops-1", SpoolView("/spool.sqlite", error=error))
    end.set()


def test_where_no_events_are_published_there_is_no_spool_and_no_intent() -> None:
    system = System()
    system.status._events = None
    facts = system.status.read_facts()
    assert (facts.spool, facts.intents) == (None, {})


def test_what_is_known_of_jobs_is_not_told_where_nothing_can_be_signed() -> None:
    facts = System(signs=False).status.read_facts()
    assert isinstance(facts.jobs, ProbeFailure)
    assert "QAPI_AUTH__SECRET is not set" in facts.jobs.why
    assert facts.subscriptions == [], "the others answer"
