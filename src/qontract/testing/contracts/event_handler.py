"""The contract of EventHandler: each line of the port's docstring is tested."""

import asyncio
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import pytest

from qontract.application.delivery.subscription import Subscription
from qontract.application.ports.event_handler import Delivery, EventHandler
from qontract.domain.events import DomainEvent
from qontract.testing.clock import run
from qontract.testing.examples import example
from qontract.testing.subscriber import deliver


def attempts(handler: EventHandler[Any], *rounds: Sequence[Delivery]) -> None:
    """Enter the handler, and call it with these deliveries: those of a round at once, the rounds one after the other.

    Raises what the handler raises.
    """

    async def give() -> None:
        async with AsyncExitStack() as stack:
            if isinstance(handler, AbstractAsyncContextManager):
                await stack.enter_async_context(handler)
            for deliveries in rounds:
                await asyncio.gather(*(handler.handle(delivery.event, delivery) for delivery in deliveries))

    run(give())


def first(event: DomainEvent, attempt: int = 1) -> Delivery:
    """Return a delivery of the event: its first attempt, or a later one. `published` gets the follow-up events."""

    async def publish(delivery: Delivery, event: DomainEvent) -> None:
        delivery.published.append(event)

    return Delivery("any", event, attempt, publish)


class EventHandlerContract:
    """Subclass it, and give the fixture `handler`; and `event`, if the example of its event class does not fit.

        class TestTickets(EventHandlerContract):
            @pytest.fixture
            def handler(self) -> Tickets:
                return Tickets(Tickets.Settings(url="https://desk.example"), httpx.MockTransport(desk))

    What the handler does with events has to be tested separately: see `qontract.testing.deliver`.
    """

    @pytest.fixture
    @abstractmethod
    def handler(self) -> EventHandler[Any]:
        """A new handler that is not entered yet. The system that it calls answers with success."""

    @pytest.fixture
    def event(self, handler: EventHandler[Any]) -> DomainEvent:
        """An event that it wants."""
        if handler.classes:
            return example(handler.classes[0])
        return DomainEvent(type=handler.types[0].replace("*", "anything"), data={"any": "thing"}, subject="any/thing")

    def test_a_subscription_takes_it_and_it_wants_the_event(
        self, handler: EventHandler[Any], event: DomainEvent
    ) -> None:
        assert Subscription("any", handler).wants(event.type)

    def test_an_event_is_handled_in_one_attempt(self, handler: EventHandler[Any], event: DomainEvent) -> None:
        outcome = deliver(handler, event)
        assert [letter.failures for letter in outcome.dead_letters] == []
        assert [number for _, id_, number in outcome.attempts if id_ == event.id] == [1]

    def test_the_same_event_may_come_again(self, handler: EventHandler[Any], event: DomainEvent) -> None:
        once, again = first(event), first(event, 2)
        attempts(handler, [once], [again])
        assert len(again.published) <= len(once.published)

    def test_several_may_be_handled_at_once(self, handler: EventHandler[Any], event: DomainEvent) -> None:
        several = [event.model_copy(update={"id": f"event-{number}"}) for number in range(handler.policy.concurrency)]
        attempts(handler, [first(each) for each in several])

    def test_it_changes_nothing_in_the_event(self, handler: EventHandler[Any], event: DomainEvent) -> None:
        before = event.model_dump_json()
        attempts(handler, [first(event)])
        assert event.model_dump_json() == before

    def test_who_asks_by_name_handles_what_fits_no_class(self, handler: EventHandler[Any], event: DomainEvent) -> None:
        if handler.classes:
            pytest.skip("it asked for a class: what does not fit is a dead letter, and never reaches it")
        odd: list[dict[str, Any]] = [{"data": None}, {"data": [1]}, {"data": {}}, {"data": "text", "subject": None}]
        plain = event.model_dump(include={"type", "subject"})
        attempts(handler, [first(DomainEvent.model_validate(plain | fields)) for fields in odd])
