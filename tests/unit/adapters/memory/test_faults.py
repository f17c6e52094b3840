"""Adapters in memory fail when they are told to."""

import asyncio

import pytest

from qontract import DomainEvent, IntegrationError
from qontract.adapters.memory import InMemoryEventHandler, InMemoryEventPublisher, InMemorySlackUsergroups
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.domain.slack_workspace import SlackWorkspace
from qontract.testing import InMemoryEventLog, InMemoryEventStore, deliver, fail


def slack() -> InMemorySlackUsergroups:
    return InMemorySlackUsergroups(SlackWorkspace(name="coreos"))


def test_the_next_call_raises_and_the_one_after_it_does_what_it_did() -> None:
    workspaces = slack()
    workspaces.fail("read", IntegrationError("no answer"))
    with pytest.raises(IntegrationError, match="no answer"):
        workspaces.read("coreos")
    assert workspaces.read("coreos").name == "coreos"


def test_it_raises_so_many_times() -> None:
    workspaces = slack()
    workspaces.fail("read", IntegrationError("no answer"), times=3)
    for _ in range(3):
        with pytest.raises(IntegrationError):
            workspaces.read("coreos")
    workspaces.read("coreos")


@pytest.mark.parametrize("after", [False, True])
def test_it_raises_in_place_of_what_it_does_or_after_it(*, after: bool) -> None:
    publisher = InMemoryEventPublisher()
    publisher.fail("publish", EventPublisherError("no answer"), after=after)
    with pytest.raises(EventPublisherError):
        publisher.publish([DomainEvent(type="a.b")])
    assert len(publisher.events) == after


def test_of_several_faults_the_first_given_comes_first() -> None:
    workspaces = slack()
    for text in ("one", "two"):
        workspaces.fail("read", IntegrationError(text))
    for text in ("one", "two"):
        with pytest.raises(IntegrationError, match=text):
            workspaces.read("coreos")


def test_another_adapter_of_the_class_does_not_fail() -> None:
    slack().fail("read", IntegrationError("no answer"))
    slack().read("coreos")


def test_a_coroutine_raises_when_it_is_awaited() -> None:
    event_log = InMemoryEventLog(InMemoryEventStore())
    event_log.fail("open", ConnectionError("no answer"), after=True)
    opening = event_log.open()
    with pytest.raises(ConnectionError):
        asyncio.run(opening)
    assert not asyncio.run(event_log.open())


def test_a_handler_that_fails_is_tried_again() -> None:
    handler = InMemoryEventHandler()
    handler.fail("handle", ConnectionError("no answer"), times=2)
    outcome = deliver(handler, DomainEvent(type="a.b"))
    assert [number for _, _, number in outcome.attempts] == [1, 2, 3]
    assert outcome.handled == len(handler.handled) == 1


def test_any_object_may_fail() -> None:
    class Clock:
        def now(self) -> int:
            return 1

    clock = Clock()
    fail(clock, "now", OSError("stopped"))
    with pytest.raises(OSError, match="stopped"):
        clock.now()
    assert clock.now() == 1


def test_a_method_that_is_not_there_cannot_fail() -> None:
    with pytest.raises(AttributeError, match="raed"):
        slack().fail("raed", IntegrationError("no answer"))
