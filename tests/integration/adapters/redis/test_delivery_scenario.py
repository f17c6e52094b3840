"""One scenario of a handler under its policy, in memory as an author tests it, and on a real Valkey."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import pytest
import redis

from qontract.adapters.cloudevents import CloudEventsEventFormat
from qontract.application.delivery.counts import DeliveryCount
from qontract.application.ports.event_handler import Delivery, EventHandler, Policy, Reject, RetryLater
from qontract.domain.dead_letters import DeadLetter
from qontract.domain.events import DomainEvent
from qontract.testing import InMemorySubscriber
from tests.support.delivering import an_event, number_of
from tests.support.redis_delivery import STREAM, Replica, ask, publish, replica
from tests.support.redis_event_log import dead_letters_at
from tests.support.waiting import eventually

FORMAT = CloudEventsEventFormat("qontract-api")
FOLLOWED = "qontract-api.test.followed"


class Work(EventHandler):
    """Fails in each way there is, until it is `healed`; follows up number 3."""

    types = ("qontract-api.test.happened",)
    policy = Policy(max_attempts=2, backoff=0.02, dedupe_for=60)

    def __init__(self) -> None:
        self.attempts: list[tuple[int, int]] = []
        self.healed = self.asked = False

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        number = number_of(event)
        self.attempts.append((number, delivery.attempt))
        if self.healed:
            return
        if number == 0 or (number == 1 and delivery.attempt == 1):
            raise RuntimeError("not this time")
        if number == 2:
            raise Reject("no such team")
        if number == 3:
            await delivery.publish(DomainEvent(type=FOLLOWED, subject="there", data={"number": 30}))
        if number == 4 and not self.asked:
            self.asked = True
            raise RetryLater(0.2)


class Follow(EventHandler):
    """Keeps the follow-up events."""

    types = (FOLLOWED,)

    def __init__(self) -> None:
        self.events: list[DomainEvent] = []

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        self.events.append(event)


class Bench(Protocol):
    """Where handlers run; each method returns when there is nothing left to do."""

    counts: Mapping[DeliveryCount, int]
    """What was counted of all subscriptions in the last run."""

    def deliver(self, *events: DomainEvent) -> None: ...

    def deliver_again(self, event: DomainEvent) -> None: ...

    def redrive(self) -> None: ...

    def dead_letters(self) -> list[DeadLetter]: ...


class InMemoryBench(Bench):
    def __init__(self, subscriber: InMemorySubscriber) -> None:
        self._subscriber = subscriber

    def deliver(self, *events: DomainEvent) -> None:
        counts = self._subscriber.deliver(*events).counts.values()
        self.counts = {each: sum(count.get(each, 0) for count in counts) for each in DeliveryCount}

    def deliver_again(self, event: DomainEvent) -> None:
        self._subscriber.events.append(FORMAT.encode(event))
        self.deliver()

    def redrive(self) -> None:
        self._subscriber.redrive()

    def dead_letters(self) -> list[DeadLetter]:
        return list(self._subscriber.dead_letters.iterate())


class RedisBench(Bench):
    def __init__(self, url: str, handlers: Mapping[str, EventHandler[Any]]) -> None:
        self._url = url
        self._handlers = handlers
        self._letters = dead_letters_at(url)

    def deliver(self, *events: DomainEvent) -> None:
        publish(self._url, *events)
        asyncio.run(self._settle())

    def deliver_again(self, event: DomainEvent) -> None:
        ask(self._url, "XADD", STREAM, "*", "__data__", FORMAT.encode(event))
        self.deliver()

    def redrive(self) -> None:
        for letter in self.dead_letters():
            self._letters.redrive(letter.id)
        self.deliver()

    def dead_letters(self) -> list[DeadLetter]:
        return list(self._letters.iterate())

    async def _settle(self) -> None:
        async with replica(self._url, self._handlers) as running:
            await eventually(lambda: all(loop.fresh(5) for loop in running.loops.values()))
            await eventually(partial(_idle, running))
            await running.stop()
            self.counts = running.counts


async def _idle(running: Replica) -> bool:
    return not any(each.lag or each.pending for each in (await running.logs.measures()).values())


@contextmanager
def bench(kind: str, url: str, handlers: Mapping[str, EventHandler[Any]]) -> Iterator[Bench]:
    if kind == "memory":
        with InMemorySubscriber(handlers) as subscriber:
            yield InMemoryBench(subscriber)
    else:
        yield RedisBench(url, handlers)


@pytest.mark.parametrize("kind", ["memory", "redis"])
@pytest.mark.parametrize("shared", [False, True], ids=["ordered", "shared"])
def test_the_same_scenario_runs_in_memory_and_on_redis(valkey_url: str, kind: str, shared: bool) -> None:
    work, follow = Work(), Follow()
    work.policy = Policy(**vars(Work.policy) | {"shared": shared})
    events = [an_event(number, f"subject-{number}") for number in range(6)]
    events[3] = events[3].model_copy(update={"correlation_id": "r-42"})
    with bench(kind, valkey_url, {"work": work, "follow": follow}) as running:
        running.deliver(*events)
        assert sorted(work.attempts) == [(0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (3, 1), (4, 1), (4, 1), (5, 1)]
        assert tell(running.dead_letters()) == {
            ("work", events[0].id, ("RuntimeError: not this time",) * 2),
            ("work", events[2].id, ("rejected by the handler: no such team",)),
        }
        expected = {
            DeliveryCount.HANDLED: 5,
            DeliveryCount.FAILED: 4,
            DeliveryCount.RETRIED: 2,
            DeliveryCount.DEAD_LETTERED: 2,
            DeliveryCount.DEDUPLICATED: 0,
        }
        assert {count: running.counts.get(count, 0) for count in expected} == expected

        [followed] = follow.events
        assert (followed.correlation_id, followed.extensions["causationid"]) == ("r-42", events[3].id)
        assert (followed.source, followed.subject) == ("qontract-api/work", "there")

        running.deliver_again(events[3])
        assert running.counts[DeliveryCount.DEDUPLICATED] == 1
        assert len(work.attempts) == 9

        work.attempts.clear()
        work.healed = True
        running.redrive()
        assert sorted(work.attempts) == [(0, 1), (2, 1)]
        assert running.dead_letters() == []
        assert follow.events == [followed]


def test_a_follow_up_of_a_retry_is_the_same_event_and_published_once(valkey_url: str) -> None:
    class FailsAfterwards(EventHandler):
        types = ("qontract-api.test.happened",)
        policy = Policy(max_attempts=3, backoff=0.02)

        async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
            await delivery.publish(DomainEvent(type=FOLLOWED, data={"number": delivery.attempt}))
            if delivery.attempt < 3:
                raise RuntimeError("too late")

    event = an_event(1)
    for kind in ("memory", "redis"):
        follow = Follow()
        with bench(kind, valkey_url, {"work": FailsAfterwards(), "follow": follow}) as running:
            running.deliver(event)
        assert [each.data for each in follow.events] == [{"number": 1}], kind
    with redis.Redis.from_url(valkey_url) as client:
        assert client.xlen(STREAM) == 2


def tell(letters: list[DeadLetter]) -> set[tuple[str, str | None, tuple[str, ...]]]:
    return {
        (letter.subscription, letter.event_id, tuple(failure.error for failure in letter.failures))
        for letter in letters
    }
