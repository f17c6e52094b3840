"""The event publishers in memory."""

from contextlib import nullcontext

import pytest

from qontract.adapters.cloudevents import CloudEventsEventFormat
from qontract.adapters.memory import InMemoryAsyncEventPublisher, InMemoryEventPublisher, InMemoryEventStore
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.domain.events import DomainEvent
from qontract.testing.contracts.event_publisher import SOURCE, EventPublisherContract, Published, events
from tests.contracts.async_event_publisher import AsyncEventPublisherContract, EachOnALoopOfItsOwn
from tests.contracts.event_sender import EventSenderContract, Sent


class TestInMemoryEventPublisher(EventPublisherContract):
    @pytest.fixture
    def published(self) -> Published:
        publisher = InMemoryEventPublisher(source=SOURCE)
        return publisher, lambda: publisher.events


class TestInMemoryAsyncEventPublisher(AsyncEventPublisherContract):
    @pytest.fixture
    def published(self) -> Published:
        publisher = InMemoryEventPublisher(source=SOURCE)
        on_loops = EachOnALoopOfItsOwn(lambda: nullcontext(InMemoryAsyncEventPublisher(publisher)))
        return on_loops, lambda: publisher.events


class TestInMemoryEventPublisherWithALog(EventPublisherContract):
    @pytest.fixture
    def published(self) -> Published:
        log, format_ = InMemoryEventStore(), CloudEventsEventFormat(SOURCE)
        publisher = InMemoryEventPublisher(SOURCE, log=log, encode=format_.encode)
        return publisher, lambda: [format_.decode(kept.content) for kept in log.kept.values()]


class TestInMemoryEventPublisherAsSender(EventSenderContract):
    @pytest.fixture
    def sent(self) -> Sent:
        log, format_ = InMemoryEventStore(), CloudEventsEventFormat(SOURCE)
        publisher = InMemoryEventPublisher(SOURCE, log=log, encode=format_.encode)
        return publisher, lambda: [format_.decode(kept.content) for kept in log.kept.values()]


def test_an_event_that_cannot_be_encoded_is_refused_and_nothing_of_its_call_is_kept() -> None:
    def encode(event: DomainEvent) -> bytes:
        if event.model_dump()["data"]["number"] == 1:
            raise ValueError("not this one")
        return b""

    log = InMemoryEventStore()
    publisher = InMemoryEventPublisher(log=log, encode=encode)
    with pytest.raises(EventPublisherError, match="not this one") as raised:
        publisher.publish(events(3))
    assert raised.value.refused
    assert (publisher.events, log.kept) == ([], {})


def test_a_log_needs_to_be_told_how_events_are_encoded() -> None:
    with pytest.raises(ValueError, match="encode"):
        InMemoryEventPublisher(log=InMemoryEventStore())


@pytest.mark.anyio
async def test_the_asynchronous_publisher_publishes_where_the_other_one_does() -> None:
    publisher = InMemoryEventPublisher(SOURCE)
    first, second = events(2)
    await InMemoryAsyncEventPublisher(publisher).publish([first, second])
    publisher.publish([first])
    assert [(event.id, event.source) for event in publisher.events] == [(first.id, SOURCE), (second.id, SOURCE)]
