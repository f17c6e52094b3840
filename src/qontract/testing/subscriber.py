"""Handlers under their policies, in a test: retries, dead letters, follow-up events; in memory, without waiting."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from qontract.adapters.cloudevents import CloudEventsEventFormat
from qontract.adapters.memory import (
    InMemoryAsyncEventPublisher,
    InMemoryDeadLetters,
    InMemoryEventLog,
    InMemoryEventPublisher,
    InMemoryEvents,
)
from qontract.application.attempts import Count
from qontract.application.delivery import DeliveryLoop, keep_alive
from qontract.application.delivery_session import Limits, Surroundings
from qontract.application.event_manager import EventManager
from qontract.application.follow_ups import FollowUps
from qontract.application.lease import Lease
from qontract.application.ports.event_handler import Delivery, EventHandler
from qontract.application.ports.event_log import GoneError
from qontract.application.subscription import Subscription
from qontract.domain.dead_letters import DeadLetter
from qontract.domain.events import DomainEvent
from qontract.testing.clock import VirtualClockLoop

_LONGEST_SECONDS = 30 * 24 * 3600.0


@dataclass
class Outcome:
    """What became of events.

    `attempts`: each attempt, in order: subscription, event id, number. `published`: follow-up events. `dead_letters`:
    those that are there now. `counts`: what was counted, by subscription. `seconds`: how long it took, by the clock
    that jumps.
    """

    attempts: list[tuple[str, str, int]] = field(default_factory=list)
    published: list[DomainEvent] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    counts: dict[str, dict[Count, int]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def handled(self) -> int:
        """How many times a handler finished an event."""
        return sum(counts.get(Count.HANDLED, 0) for counts in self.counts.values())


def deliver(handler: EventHandler[Any], *events: DomainEvent) -> Outcome:
    """Deliver events to a handler, as the subscriber would, until each is handled or a dead letter.

    The handler runs under its policy: time-outs, backoff and `RetryLater` take no time. Raises AssertionError if there
    is no end after a month of such time. It cannot be called from a coroutine.
    """
    with InMemorySubscriber({"subscription": handler}) as subscriber:
        return subscriber.deliver(*events)


class InMemorySubscriber:
    """Runs handlers, by the names of their subscriptions, as the subscriber does. Use it in a `with`.

    What they publish is delivered too.
    """

    def __init__(self, handlers: Mapping[str, EventHandler[Any]], *, source: str = "qontract-api") -> None:
        self._subscriptions = [Subscription(name, handler) for name, handler in handlers.items()]
        self._format = CloudEventsEventFormat(source)
        self._source = source
        self._log = InMemoryEvents()
        self._publisher = InMemoryEventPublisher(source, log=self._log, encode=self._format.encode)
        self._runner = asyncio.Runner(loop_factory=VirtualClockLoop)
        self._started = time.time()
        self.dead_letters = InMemoryDeadLetters(events=self._log)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End."""
        self._runner.close()

    def deliver(self, *events: DomainEvent) -> Outcome:
        """Publish the events, and deliver until there is nothing left to do; see `deliver`."""
        self._publisher.publish(events)
        return self._settle(len(self._publisher.events))

    def redrive(self) -> Outcome:
        """Give all dead letters back to their subscriptions, and deliver them."""
        for letter in list(self.dead_letters.iterate()):
            self.dead_letters.redrive(letter.id)
        return self._settle(len(self._publisher.events))

    def _settle(self, published: int) -> Outcome:
        outcome = self._runner.run(self._run(Outcome()))
        outcome.published = list(self._publisher.events[published:])
        outcome.dead_letters = list(self.dead_letters.iterate())
        return outcome

    async def _run(self, outcome: Outcome) -> Outcome:
        loop = asyncio.get_running_loop()
        begun, ended = loop.time(), loop.time()
        limits = Limits(claim_seconds=30.0, grace_seconds=0.0)
        async with AsyncExitStack() as stack:
            for subscription in self._subscriptions:
                if isinstance(subscription.handler, AbstractAsyncContextManager):
                    await stack.enter_async_context(subscription.handler)
            works = [self._work(each, limits, outcome) for each in self._subscriptions]
            for delivery_loop, event_log in works:
                for work in (delivery_loop.run(), keep_alive(delivery_loop, event_log, limits.claim_seconds)):
                    stack.callback(asyncio.create_task(work).cancel)
            while await _busy([event_log for _, event_log in works]):
                if loop.time() - begun > _LONGEST_SECONDS:
                    raise AssertionError("events are neither handled nor dead letters after a month")
                await asyncio.sleep(0.05)
                ended = loop.time()
            for delivery_loop, _ in works:
                delivery_loop.stop()
        outcome.seconds = ended - begun
        return outcome

    def _work(self, subscription: Subscription, limits: Limits, outcome: Outcome) -> tuple[DeliveryLoop, Any]:
        shared = subscription.handler.policy.shared
        event_log = InMemoryEventLog(self._log, subscription.name, "in-memory", wants=subscription.wants, shared=shared)
        follow_ups = FollowUps(
            InMemoryAsyncEventPublisher(self._publisher), EventManager(self._publisher), source=self._source
        )
        loop = asyncio.get_running_loop()
        counts = outcome.counts.setdefault(subscription.name, {})

        def count(what: Count, number: int) -> None:
            counts[what] = counts.get(what, 0) + number

        surroundings = Surroundings(
            self._format, follow_ups.publish, count, loop.time, lambda: self._started + loop.time()
        )
        lease = None if shared else Lease(limits.claim_seconds / 2, loop.time)
        return DeliveryLoop(_watched(subscription, outcome), event_log, lease, limits, surroundings), event_log


async def _busy(event_logs: Sequence[InMemoryEventLog]) -> bool:
    try:
        measures = [await event_log.measures() for event_log in event_logs]
    except GoneError:  # not opened yet
        return True
    return any(measure.lag or measure.pending for measure in measures)


def _watched(subscription: Subscription, outcome: Outcome) -> Subscription:
    """Return the subscription with a handler that notes down each attempt, and is the same in everything else."""
    handler = subscription.handler

    class Watched(EventHandler[Any]):
        types, policy, classes = handler.types, handler.policy, handler.classes

        async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
            outcome.attempts.append((subscription.name, event.id, delivery.attempt))
            await handler.handle(event, delivery)

    return Subscription(subscription.name, Watched())
