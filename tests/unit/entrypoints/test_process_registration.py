"""A process shows that it runs for as long as it does, whatever becomes of Redis."""

import logging
import os
from time import monotonic, sleep

import pytest
from dependency_injector import providers

from qontract.adapters.memory import InMemoryEventPublisher, InMemoryEventSpool, InMemoryProcessRegistry
from qontract.application.event_manager import EventManager
from qontract.application.ports.process_registry import ProcessRegistryError
from qontract.domain.events import DomainEvent
from qontract.domain.processes import Process, ProcessKind
from qontract.entrypoints import process_registration
from qontract.entrypoints.container import Container
from qontract.entrypoints.process_registration import registered, this_process
from qontract.entrypoints.settings import Settings
from tests.support.waiting import until


@pytest.fixture
def spool() -> InMemoryEventSpool:
    return InMemoryEventSpool()


@pytest.fixture
def shows() -> InMemoryProcessRegistry:
    return InMemoryProcessRegistry()


@pytest.fixture
def container(shows: InMemoryProcessRegistry, spool: InMemoryEventSpool, monkeypatch: pytest.MonkeyPatch) -> Container:
    monkeypatch.setattr(process_registration, "_EVERY_SECONDS", 0.01)
    container = Container()
    container.settings.override(providers.Object(Settings()))
    container.process_registry.override(providers.Object(shows))
    container.event_manager.override(providers.Object(EventManager(InMemoryEventPublisher(), spool=spool)))
    return container


def worker(container: Container) -> Process:
    return this_process(container, ProcessKind.WORKER, ["slack-usergroups"], {"tickets": "x" * 1000})


def test_while_it_runs_it_is_seen_with_its_spool_and_at_its_end_as_ended(
    container: Container, shows: InMemoryProcessRegistry, spool: InMemoryEventSpool
) -> None:
    with registered(container, worker(container)):
        until(shows.all)
        spool.append([DomainEvent(type="a.b")])
        until(lambda: [seen.process.spool.spooled.events for seen in shows.all() if seen.process.spool] == [1])
        [seen] = shows.all()
        assert seen.runs
        assert (seen.process.pid, seen.process.installed) == (os.getpid(), ("slack-usergroups",))
        assert len(seen.process.refused["tickets"]) < 1000
    [seen] = shows.all()
    assert seen.ended


def test_while_redis_is_away_one_line_says_so_and_it_goes_on_as_soon_as_it_is_there(
    container: Container, shows: InMemoryProcessRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    shows.fail("show", ProcessRegistryError("Redis refused or did not answer"), times=3)
    with registered(container, worker(container)):
        until(shows.all)
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [line.message for line in lines] == ["process cannot show that it runs; it is tried again"]
    assert lines[0].__dict__["error"] == "Redis refused or did not answer"


def test_an_error_that_nobody_expects_ends_nothing(container: Container, shows: InMemoryProcessRegistry) -> None:
    shows.fail("show", ZeroDivisionError(), times=2)
    shows.fail("withdraw", ZeroDivisionError())
    with registered(container, worker(container)):
        until(shows.all)


def test_a_redis_that_hangs_holds_up_the_end_of_the_process_only_for_a_moment(
    container: Container, shows: InMemoryProcessRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_registration, "_END_SECONDS", 0.05)
    monkeypatch.setattr(shows, "show", lambda _: sleep(1))
    began = monotonic()
    with registered(container, worker(container)):
        pass
    assert monotonic() - began < 0.9
