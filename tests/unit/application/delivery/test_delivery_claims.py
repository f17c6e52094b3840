"""One subscription at work: what a dead or stopped replica leaves to the next one, in memory."""

import asyncio

from pytest_mock import MockerFixture

from qontract.adapters.memory import InMemoryEventStore
from qontract.application.delivery.counts import DeliveryCount
from qontract.application.ports.event_handler import Policy
from qontract.domain.failure_causes import REPLICA_ENDED
from tests.support.delivering import (
    NAME,
    Handler,
    Replica,
    an_event,
    failing,
    letters,
    on_virtual_clock,
    pending,
    publish,
    replica,
    until,
)

FOREVER = 1e6


class AtOnce:
    """Trouble that takes a second, and counts how many of some events it meets at once."""

    def __init__(self, *numbers: int) -> None:
        self.now = self.most = 0
        self._numbers = numbers

    async def __call__(self, number: int, _: int) -> None:
        counted = number in self._numbers
        self.now += counted
        self.most = max(self.most, self.now)
        await asyncio.sleep(1)
        self.now -= counted


async def endless(_: int, __: int) -> None:
    await asyncio.sleep(FOREVER)


async def die_with(events: InMemoryEventStore, numbers: range) -> None:
    """Let a replica die while it handles these events, each of a key of its own."""
    publish(events, *(an_event(number, f"key-{number}") for number in numbers))
    first = Handler(Policy(timeout=2 * FOREVER), endless)
    async with replica(events, first, "dead") as dead:
        await until(lambda: len(first.attempts) == len(numbers))
        dead.kill()


@on_virtual_clock
async def test_a_fresh_event_pays_nothing_before_its_handler(mocker: MockerFixture) -> None:
    events, handler = InMemoryEventStore(), Handler()
    publish(events, *map(an_event, range(20)))
    async with replica(events, handler) as one:
        asked = [mocker.spy(one.log, name) for name in ("record", "known", "content_of", "heartbeat")]
        await until(lambda: len(handler.handled) == 20 and pending(events) == 0)
        assert [spy.call_count for spy in asked] == [0, 0, 0, 0]


@on_virtual_clock
async def test_what_was_claimed_from_a_dead_replica_is_recorded_before_it_runs() -> None:
    events, begun = InMemoryEventStore(), list[float]()
    await die_with(events, range(1))

    async def look(_: int, __: int) -> None:
        begun.extend(record.begun for record in events.of(NAME).records.values())

    handler = Handler(trouble=look)
    async with replica(events, handler, "two") as two:
        await until(lambda: handler.handled == [0] and pending(events) == 0)
    assert len(begun) == 1
    assert begun[0] > 0
    assert two.counts[DeliveryCount.CLAIMED] == 1


@on_virtual_clock
async def test_a_killer_is_dead_lettered_after_max_attempts_and_the_innocent_are_handled_and_not_counted() -> None:
    events, running = InMemoryEventStore(), list[Replica]()

    async def deadly(number: int, _: int) -> None:
        if number == 7:
            running[-1].kill()
            await asyncio.sleep(FOREVER)
        await asyncio.sleep(1)

    handler = Handler(Policy(max_attempts=3), deadly)
    publish(events, *(an_event(number, f"key-{number}") for number in range(20)))
    while not letters(events):
        async with replica(events, handler, f"replica-{len(running)}") as one:
            running.append(one)
            await until(lambda: one.tasks[0].done() or bool(letters(events)))
            await until(lambda: one.tasks[0].done() or pending(events) == 0)
        assert len(running) < 10

    [letter] = letters(events)
    assert b'"number":7' in letter.data
    assert [failure.error for failure in letter.failures] == [REPLICA_ENDED] * 3
    assert [attempt for attempt in handler.attempts if attempt[0] == 7] == [(7, 1), (7, 1), (7, 2), (7, 3)]
    assert set(handler.handled) == {*range(20)} - {7}
    assert {attempt for number, attempt in handler.attempts if number != 7} == {1}


@on_virtual_clock
async def test_a_killer_of_one_attempt_is_not_begun_again() -> None:
    events, running = InMemoryEventStore(), list[Replica]()

    async def deadly(_: int, __: int) -> None:
        running[-1].kill()
        await asyncio.sleep(FOREVER)

    handler = Handler(Policy(max_attempts=1), deadly)
    publish(events, an_event(0))
    for name in ("one", "two", "three"):
        async with replica(events, handler, name) as one:
            running.append(one)
            await until(lambda: one.tasks[0].done() or bool(letters(events)))
    assert handler.attempts == [(0, 1), (0, 1)]  # fresh, then found to be suspect
    assert [failure.error for failure in letters(events)[0].failures] == [REPLICA_ENDED]


@on_virtual_clock
async def test_a_replica_that_dies_while_a_claimed_event_waits_for_its_next_attempt_has_not_failed_it() -> None:
    events, error = InMemoryEventStore(), RuntimeError("not this time")
    await die_with(events, range(1))
    handler = Handler(Policy(max_attempts=3, backoff=100), failing(error, 0))
    async with replica(events, handler, "two") as two:
        await until(lambda: two.counts[DeliveryCount.RETRIED] == 1)
        await asyncio.sleep(1)
        two.kill()
    async with replica(events, handler, "three"):
        await until(lambda: bool(letters(events)))
    assert [failure.error for failure in letters(events)[0].failures] == ["RuntimeError: not this time"] * 3
    assert handler.attempts == [(0, 1), (0, 2), (0, 3)]


@on_virtual_clock
async def test_of_suspects_one_runs_at_a_time_and_fresh_events_run_beside_them() -> None:
    events, trouble = InMemoryEventStore(), AtOnce(*range(5))
    await die_with(events, range(5))
    handler = Handler(trouble=trouble)
    async with replica(events, handler, "two"):
        await until(lambda: len(handler.attempts) == 1)
        publish(events, an_event(9, "fresh"))
        await until(lambda: len(handler.handled) == 6)
    assert trouble.most == 1
    assert handler.handled.index(9) < 3


@on_virtual_clock
async def test_a_suspect_that_waits_for_its_next_attempt_does_not_hold_back_the_others() -> None:
    events, handler = InMemoryEventStore(), Handler(Policy(backoff=500, max_backoff=500))
    handler._trouble = failing(RuntimeError("not this time"), 0, times=1)
    await die_with(events, range(5))
    async with replica(events, handler, "two"):
        await until(lambda: sorted(handler.handled) == [1, 2, 3, 4], seconds=20)
        await until(lambda: 0 in handler.handled)


@on_virtual_clock
async def test_what_a_stopped_replica_released_is_no_suspect_and_runs_at_once() -> None:
    events, first = InMemoryEventStore(), Handler(Policy(concurrency=1))
    trouble = AtOnce(*range(1, 5))
    first._trouble = trouble
    publish(events, *(an_event(number, f"key-{number}") for number in range(5)))
    async with replica(events, first) as one:
        await until(lambda: len(first.attempts) == 1)
        await one.stop()
    assert (first.handled, trouble.most) == ([0], 0)
    second = Handler(trouble=trouble)
    async with replica(events, second, "two"):
        await until(lambda: len(second.handled) == 4, seconds=3)
    assert trouble.most == 4
    assert second.attempts == [(number, 1) for number in range(1, 5)]


@on_virtual_clock
async def test_what_a_stopped_replica_of_a_shared_subscription_has_not_begun_goes_to_another_at_once() -> None:
    events, policy = InMemoryEventStore(), Policy(shared=True, concurrency=1)
    first, second = Handler(policy, AtOnce()), Handler(policy)
    publish(events, *map(an_event, range(5)))
    async with replica(events, first) as one:
        await until(lambda: len(first.attempts) == 1)
        await one.stop()
    async with replica(events, second, "two"):
        await until(lambda: len(second.handled) == 4, seconds=3)
    assert (first.handled, second.handled) == ([0], [1, 2, 3, 4])
