"""The event publisher in memory."""

import pytest

from qontract.adapters.memory import InMemoryEventHandler, InMemoryEventPublisher
from qontract.application.ports.event_handler import EventHandler
from qontract.application.subscriptions import Subscription
from qontract.domain.events import DomainEvent
from tests.contracts.event_publisher import SOURCE, EventPublisherContract, Published

pytestmark = pytest.mark.anyio


class TestInMemoryEventPublisher(EventPublisherContract):
    @pytest.fixture
    def published(self) -> Published:
        publisher = InMemoryEventPublisher(source=SOURCE)
        return publisher, lambda: publisher.events


def event(type_: str) -> DomainEvent:
    return DomainEvent(type=type_, data={})


async def test_each_subscription_handles_what_it_wants_once_and_in_order() -> None:
    everything, some = InMemoryEventHandler(), InMemoryEventHandler("a.*")
    publisher = InMemoryEventPublisher(Subscription("everything", everything), Subscription("some", some))
    publisher.publish([event("a.b"), event("x.y")])
    await publisher.deliver()
    publisher.publish([event("a.c")])
    await publisher.deliver()
    assert [handled.type for handled in everything.handled] == ["a.b", "x.y", "a.c"]
    assert [handled.type for handled in some.handled] == ["a.b", "a.c"]
    assert everything.handled == publisher.events


async def test_what_a_handler_publishes_is_delivered_too() -> None:
    class Answering(EventHandler):
        types = ("question",)

        async def handle(self, event: DomainEvent) -> None:
            publisher.publish([DomainEvent(type="answer", data={"to": event.id})])

    log = InMemoryEventHandler()
    publisher = InMemoryEventPublisher(Subscription("answering", Answering()), Subscription("log", log))
    publisher.publish([event("question")])
    await publisher.deliver()
    assert [handled.type for handled in log.handled] == ["question", "answer"]


async def test_a_failure_comes_through_and_the_event_is_delivered_again() -> None:
    class FailingOnce(EventHandler):
        failed = False

        async def handle(self, event: DomainEvent) -> None:
            if not self.failed:
                self.failed = True
                raise RuntimeError("not today")

    log = InMemoryEventHandler()
    publisher = InMemoryEventPublisher(Subscription("failing", FailingOnce()), Subscription("log", log))
    publisher.publish([event("a.b")])
    with pytest.raises(RuntimeError, match="not today"):
        await publisher.deliver()
    assert log.handled == []
    await publisher.deliver()
    assert log.handled == publisher.events
