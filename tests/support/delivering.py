"""Replicas of one subscription in memory, under a clock that jumps: what decides, without a server."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Literal, ParamSpec

from pydantic import Field
from pytest_mock import MockerFixture

from qontract.adapters.cloudevents import CloudEventsEventFormat
from qontract.adapters.memory import InMemoryDeadLetters, InMemoryEventLog, InMemoryEventStore
from qontract.application.delivery.counts import DeliveryCount
from qontract.application.delivery.delivery_loop import DeliveryLoop, keep_alive
from qontract.application.delivery.lease import Lease
from qontract.application.delivery.session import Dependencies, Limits
from qontract.application.delivery.subscription import Subscription
from qontract.application.ports.event_handler import Delivery, EventHandler, Policy
from qontract.domain.dead_letters import DeadLetter
from qontract.domain.delivery_states import SubscriptionFilter
from qontract.domain.events import DomainEvent, EventData
from qontract.testing import clock
from tests.support.waiting import eventually

NAME = "subscription"
FORMAT = CloudEventsEventFormat("qontract-api")
DEFAULT = Policy()
QUICK = Limits(claim_seconds=10, grace_seconds=5)
P = ParamSpec("P")


class Numbered(EventData):
    number: int = Field(examples=[1])


class Counted(DomainEvent):
    """A type with a class."""

    type: Literal["qontract-api.tests-delivery.counted"] = "qontract-api.tests-delivery.counted"
    data: Numbered


class Named(EventData):
    name: str = Field(examples=["one"])


class Renamed(DomainEvent):
    """Another type with a class."""

    type: Literal["qontract-api.tests-delivery.renamed"] = "qontract-api.tests-delivery.renamed"
    data: Named


def on_virtual_clock(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Let a coroutine be a test, on a clock that jumps."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        clock.run(test(*args, **kwargs))

    return run


def an_event(number: int, subject: str = "here", event_type: str = "qontract-api.test.happened") -> DomainEvent:
    return DomainEvent(type=event_type, subject=subject, data={"number": number}, source="qontract-api")


def publish(events: InMemoryEventStore, *published: DomainEvent) -> None:
    events.append(*(FORMAT.encode(event) for event in published))


class Seen(EventHandler[Any]):
    """Keeps what it was given."""

    def __init__(self, *types: str) -> None:
        self.types = types or ("*",)
        self.events: list[Any] = []

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        self.events.append(event)


def number_of(event: DomainEvent) -> int:
    assert isinstance(event.data, dict)
    number = event.data["number"]
    assert isinstance(number, int)
    return number


class Handler(EventHandler):
    """Notes down each attempt (`attempts`) and what it finished (`handled`); does what `trouble` does meanwhile."""

    def __init__(
        self,
        policy: Policy = DEFAULT,
        trouble: Callable[[int, int], Awaitable[None]] | None = None,
        types: tuple[str, ...] = ("*",),
    ) -> None:
        self.policy = policy
        self.types = types
        self.attempts: list[tuple[int, int]] = []
        self.handled: list[int] = []
        self.events: list[DomainEvent] = []
        self._trouble = trouble

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        number = number_of(event)
        self.attempts.append((number, delivery.attempt))
        if self._trouble:
            await self._trouble(number, delivery.attempt)
        self.handled.append(number)
        self.events.append(event)


def failing(error: BaseException, *numbers: int, times: int = 1_000_000) -> Callable[[int, int], Awaitable[None]]:
    """Return the trouble of an error at the first attempts of these events."""

    async def trouble(number: int, attempt: int) -> None:
        if number in numbers and attempt <= times:
            raise error.with_traceback(None)  # that of the last time would grow

    return trouble


class Fault:
    """Methods of an event log that raise an error until `fix`. `calls`: how often they were called."""

    def __init__(self, mocker: MockerFixture, log: InMemoryEventLog, error: BaseException, *names: str) -> None:
        async def fail(*_: object) -> None:
            raise error.with_traceback(None)  # that of the last time would grow

        methods = [(name, getattr(log, name)) for name in names]
        self._mocks = [(mocker.patch.object(log, name, side_effect=fail), method) for name, method in methods]

    @property
    def calls(self) -> int:
        return sum(mock.call_count for mock, _ in self._mocks)

    def fix(self) -> None:
        """Let the methods do their work again, also for who has got hold of one of them meanwhile."""
        for mock, method in self._mocks:
            mock.side_effect = method


@dataclass
class Replica:
    """One replica at work."""

    loop: DeliveryLoop
    log: InMemoryEventLog
    counts: Counter[DeliveryCount] = field(default_factory=Counter)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def kill(self) -> None:
        """End it without a word, as kill -9 does."""
        for task in self.tasks:
            task.cancel()

    async def stop(self) -> None:
        """End it in good order."""
        self.loop.stop()
        await self.tasks[0]


@asynccontextmanager
async def replica(
    events: InMemoryEventStore,
    handler: EventHandler[Any],
    name: str = "one",
    *,
    limits: Limits = QUICK,
    publishing: Callable[[Delivery, DomainEvent], Awaitable[None]] | None = None,
) -> AsyncIterator[Replica]:
    """Run a replica while the body runs."""
    running, subscription = asyncio.get_running_loop(), Subscription(NAME, handler)
    shared = handler.policy.shared
    wanted = SubscriptionFilter(tuple(handler.types), handler.policy.max_attempts, shared)
    claim_seconds = limits.claim_seconds
    log = InMemoryEventLog(events, NAME, name, shared=shared, claim_seconds=claim_seconds, wanted=wanted)
    counts: Counter[DeliveryCount] = Counter()

    async def nowhere(_: Delivery, event: DomainEvent) -> None:
        raise AssertionError(f"nobody is to publish {event}")

    dependencies = Dependencies(
        FORMAT,
        publishing or nowhere,
        lambda count, number: counts.update({count: number}),
        running.time,
        running.time,
    )
    lease = None if shared else Lease(limits.claim_seconds / 2, running.time)
    made = Replica(DeliveryLoop(subscription, log, lease, limits, dependencies), log, counts)
    works = (made.loop.run(), keep_alive(made.loop, log, limits.claim_seconds))
    made.tasks = [asyncio.create_task(work) for work in works]
    try:
        yield made
    finally:
        made.kill()
        await asyncio.gather(*made.tasks, return_exceptions=True)


async def until(condition: Callable[[], bool], seconds: float = 3600) -> None:
    """Wait for the condition. Fails if it does not become true in so long, by the clock that jumps."""
    await eventually(condition, seconds)


def pending(events: InMemoryEventStore) -> int:
    place = events.of(NAME).place
    return len(place.pending) if place else -1


def letters(events: InMemoryEventStore) -> list[DeadLetter]:
    return list(InMemoryDeadLetters(events=events).iterate())


def recorded(events: InMemoryEventStore) -> int:
    """Return of how many entries there is a record."""
    return len(events.of(NAME).records)
