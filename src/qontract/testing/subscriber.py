"""Handlers under their policies, in a test: retries, dead letters, follow-up events; in memory, without waiting."""

import asyncio
import time
from collections import Counter
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
from qontract.application.delivery_session import Dependencies, Limits
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
_MOST_CALLS = 10_000
_SHORTEST_LOOK, _LONGEST_LOOK = 0.05, 600.0

_LIMITS = Limits(claim_seconds=2 * _LONGEST_SECONDS, grace_seconds=0.0, read_seconds=_LONGEST_SECONDS)
"""Nobody else is there to claim, or to lead: nothing has to be looked at again and again while the clock jumps."""


@dataclass
class Outcome:
    """What became of events.

    `attempts`: each attempt, in order: subscription, event id, number. `published`: follow-up events. `dead_letters`:
    those that are there now. `counts`: what was counted, by subscription. `seconds`: how long it took until the last of
    it, by the clock that jumps.
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
    is no end after a month of such time, or when the handler was called 10,000 times with one event. It cannot be
    called from a coroutine.
    """
    with InMemorySubscriber({"subscription": handler}) as subscriber:
        return subscriber.deliver(*events)


class InMemorySubscriber:
    """Runs handlers, by the names of their subscriptions, as the subscriber does. Use it in a `with`.

    What they publish is delivered too. `events` are those that are kept, and `dead_letters` what was given up. Handlers
    that are asynchronous context managers are entered before the first
    event, and left at the end of the `with`.
    """

    def __init__(self, handlers: Mapping[str, EventHandler[Any]], *, source: str = "qontract-api") -> None:
        self._subscriptions = [Subscription(name, handler) for name, handler in handlers.items()]
        self._format = CloudEventsEventFormat(source)
        self._source = source
        self.events = InMemoryEvents()
        self._publisher = InMemoryEventPublisher(source, log=self.events, encode=self._format.encode)
        self._runner = asyncio.Runner(loop_factory=VirtualClockLoop)
        self._started = time.time()
        self._ending = asyncio.Event()
        self._entered: asyncio.Task[None] | None = None
        self.dead_letters = InMemoryDeadLetters(events=self.events)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End."""
        with self._runner:
            if self._entered:
                self._ending.set()
                self._runner.run(asyncio.wait_for(self._entered, None))

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
        if self._entered is None:
            await self._enter()
        works = [self._work(each, outcome) for each in self._subscriptions]
        tasks = [
            asyncio.create_task(work)
            for loop, event_log in works
            for work in (loop.run(), keep_alive(loop, event_log, _LIMITS.claim_seconds))
        ]
        try:
            await _settled([event_log for _, event_log in works], outcome)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        return outcome

    async def _enter(self) -> None:
        """Enter the handlers, in the task that will leave them: what they enter in turn may need that."""
        entered = asyncio.Event()

        async def hold() -> None:
            async with AsyncExitStack() as stack:
                for subscription in self._subscriptions:
                    if isinstance(subscription.handler, AbstractAsyncContextManager):
                        await stack.enter_async_context(subscription.handler)
                entered.set()
                await self._ending.wait()

        holding, waiting = asyncio.create_task(hold()), asyncio.create_task(entered.wait())
        await asyncio.wait({holding, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not entered.is_set():
            waiting.cancel()
            await holding  # raises
        self._entered = holding

    def _work(self, subscription: Subscription, outcome: Outcome) -> tuple[DeliveryLoop, InMemoryEventLog]:
        shared = subscription.handler.policy.shared
        event_log = InMemoryEventLog(
            self.events,
            subscription.name,
            "in-memory",
            shared=shared,
            claim_seconds=_LIMITS.claim_seconds,
        )
        follow_ups = FollowUps(
            InMemoryAsyncEventPublisher(self._publisher), EventManager(self._publisher), source=self._source
        )
        loop = asyncio.get_running_loop()
        begun = loop.time()
        counts = outcome.counts.setdefault(subscription.name, {})

        def count(what: Count, number: int) -> None:
            counts[what] = counts.get(what, 0) + number
            outcome.seconds = loop.time() - begun

        dependencies = Dependencies(
            self._format, follow_ups.publish, count, loop.time, lambda: self._started + loop.time()
        )
        lease = None if shared else Lease(_LIMITS.claim_seconds / 2, loop.time)
        return DeliveryLoop(_watched(subscription, outcome), event_log, lease, _LIMITS, dependencies), event_log


async def _settled(event_logs: Sequence[InMemoryEventLog], outcome: Outcome) -> None:
    """Wait until there is nothing left to do, and look more seldom while nothing happens."""
    loop = asyncio.get_running_loop()
    begun, pause, seen = loop.time(), _SHORTEST_LOOK, 0
    calls: Counter[tuple[str, str]] = Counter()
    while await _busy(event_logs):
        new = outcome.attempts[seen:]
        seen += len(new)
        calls.update((subscription, event_id) for subscription, event_id, _ in new)
        if loop.time() - begun > _LONGEST_SECONDS or any(calls[name, id_] > _MOST_CALLS for name, id_, _ in new):
            raise AssertionError("there is no end: events are neither handled nor dead letters")
        pause = _SHORTEST_LOOK if new else min(_LONGEST_LOOK, 2 * pause)
        await asyncio.sleep(pause)


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
