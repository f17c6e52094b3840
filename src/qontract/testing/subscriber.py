"""For authors' tests: run handlers under their policies, in memory and without waiting."""

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
    InMemoryEventStore,
)
from qontract.application.delivery.counts import DeliveryCount
from qontract.application.delivery.delivery_loop import DeliveryLoop, keep_alive
from qontract.application.delivery.follow_ups import FollowUpPublisher
from qontract.application.delivery.lease import Lease
from qontract.application.delivery.session import Dependencies, Limits
from qontract.application.delivery.subscription import Subscription
from qontract.application.event_manager import EventManager
from qontract.application.ports.event_handler import Delivery, EventHandler
from qontract.application.ports.event_log import PlaceLostError
from qontract.domain.dead_letters import DeadLetter
from qontract.domain.events import DomainEvent
from qontract.testing.clock import VirtualClockLoop

_MAX_SECONDS = 30 * 24 * 3600.0
_MAX_CALLS = 10_000
_SHORTEST_LOOK, _MAX_LOOK = 0.05, 600.0

_LIMITS = Limits(claim_seconds=2 * _MAX_SECONDS, grace_seconds=0.0, read_seconds=_MAX_SECONDS)
"""There is no other replica: so leases and claims need no checks while the clock jumps."""


@dataclass
class Outcome:
    """What became of events.

    - `attempts`: all attempts in order: subscription, event id, number of the attempt.
    - `published`: the follow-up events. `dead_letters`: all dead letters that exist now.
    - `counts`: the counters, by subscription.
    - `seconds`: how long it took, by the virtual clock.
    """

    attempts: list[tuple[str, str, int]] = field(default_factory=list)
    published: list[DomainEvent] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    counts: dict[str, dict[DeliveryCount, int]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def handled(self) -> int:
        """How many events were handled."""
        return sum(counts.get(DeliveryCount.HANDLED, 0) for counts in self.counts.values())


def deliver(handler: EventHandler[Any], *events: DomainEvent) -> Outcome:
    """Deliver events to a handler, as the subscriber does, until each one is handled or a dead letter.

    The handler runs under its policy: time-outs, backoff and `RetryLater` take no real time. Raises AssertionError if
    this does not end within a month of virtual time, or 10,000 calls with one event. It cannot be called from a
    coroutine.
    """
    with InMemorySubscriber({"subscription": handler}) as subscriber:
        return subscriber.deliver(*events)


class InMemorySubscriber:
    """Runs handlers, by the names of their subscriptions, as the subscriber does. Use it in a `with`.

    Follow-up events are delivered too. `events` has the kept events, and `dead_letters` the dead letters. Handlers that
    are asynchronous context managers are entered before the first event, and left at the end of the `with`.
    """

    def __init__(self, handlers: Mapping[str, EventHandler[Any]], *, source: str = "qontract-api") -> None:
        self._subscriptions = [Subscription(name, handler) for name, handler in handlers.items()]
        self._format = CloudEventsEventFormat(source)
        self._source = source
        self.events = InMemoryEventStore()
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
        """Leave the handlers, and close the loop."""
        with self._runner:
            if self._entered:
                self._ending.set()
                self._runner.run(asyncio.wait_for(self._entered, None))

    def deliver(self, *events: DomainEvent) -> Outcome:
        """Publish the events, and deliver until nothing is left to do; see `deliver`."""
        self._publisher.publish(events)
        return self._run_until_done(len(self._publisher.events))

    def redrive(self) -> Outcome:
        """Redrive all dead letters, and deliver their events."""
        for letter in list(self.dead_letters.iterate()):
            self.dead_letters.redrive(letter.id)
        return self._run_until_done(len(self._publisher.events))

    def _run_until_done(self, published: int) -> Outcome:
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
            await _until_done([event_log for _, event_log in works], outcome)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        return outcome

    async def _enter(self) -> None:
        """Enter the handlers in the task that will leave them: some context managers need that."""
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
        follow_ups = FollowUpPublisher(
            InMemoryAsyncEventPublisher(self._publisher), EventManager(self._publisher), source=self._source
        )
        loop = asyncio.get_running_loop()
        begun = loop.time()
        counts = outcome.counts.setdefault(subscription.name, {})

        def count(what: DeliveryCount, number: int) -> None:
            counts[what] = counts.get(what, 0) + number
            outcome.seconds = loop.time() - begun

        dependencies = Dependencies(
            self._format, follow_ups.publish, count, loop.time, lambda: self._started + loop.time()
        )
        lease = None if shared else Lease(_LIMITS.claim_seconds / 2, loop.time)
        return DeliveryLoop(_watched(subscription, outcome), event_log, lease, _LIMITS, dependencies), event_log


async def _until_done(event_log_connection: Sequence[InMemoryEventLog], outcome: Outcome) -> None:
    """Wait until nothing is left to do. The checks become rarer while nothing happens."""
    loop = asyncio.get_running_loop()
    begun, pause, known = loop.time(), _SHORTEST_LOOK, 0
    calls: Counter[tuple[str, str]] = Counter()
    while await _busy(event_log_connection):
        new = outcome.attempts[known:]
        known += len(new)
        calls.update((subscription, event_id) for subscription, event_id, _ in new)
        if loop.time() - begun > _MAX_SECONDS or any(calls[name, id_] > _MAX_CALLS for name, id_, _ in new):
            raise AssertionError("there is no end: events are neither handled nor dead letters")
        pause = _SHORTEST_LOOK if new else min(_MAX_LOOK, 2 * pause)
        await asyncio.sleep(pause)


async def _busy(event_log_connection: Sequence[InMemoryEventLog]) -> bool:
    try:
        measures = [await event_log.measures() for event_log in event_log_connection]
    except PlaceLostError:  # not opened yet
        return True
    return any(measure.lag or measure.pending for measure in measures)


def _watched(subscription: Subscription, outcome: Outcome) -> Subscription:
    """Return the subscription with a handler that also records each attempt."""
    handler = subscription.handler

    class Watched(EventHandler[Any]):
        types, policy, classes = handler.types, handler.policy, handler.classes

        async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
            outcome.attempts.append((subscription.name, event.id, delivery.attempt))
            await handler.handle(event, delivery)

    return Subscription(subscription.name, Watched())
