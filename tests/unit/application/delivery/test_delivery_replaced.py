"""A subscription whose handler is replaced, in memory: it goes on where it was, with the other one."""

import asyncio

import pytest

from qontract.adapters.memory import InMemoryEventStore
from qontract.application.delivery.subscription import Subscription
from qontract.application.ports.event_handler import Policy
from tests.support.delivering import NAME, Handler, an_event, on_virtual_clock, pending, publish, replica, until


@pytest.mark.parametrize("policy", [Policy(), Policy(shared=True)], ids=["ordered", "shared"])
@on_virtual_clock
async def test_run_again_it_goes_on_with_the_other_handler_and_the_one_at_work_finishes(policy: Policy) -> None:
    events = InMemoryEventStore()

    async def slow(_: int, __: int) -> None:
        await asyncio.sleep(3)

    first, second = Handler(policy, slow), Handler(policy)
    publish(events, an_event(0))
    async with replica(events, first) as one:
        await until(lambda: len(first.attempts) == 1)
        one.loop.replace(Subscription(NAME, second))
        await one.tasks[0]
        assert first.handled == [0]
        publish(events, an_event(1))
        one.loop.take_successor()
        one.tasks[0] = asyncio.create_task(one.loop.run())
        await until(lambda: second.handled == [1] and pending(events) == 0)
        assert first.handled == [0]


@on_virtual_clock
async def test_it_is_replaced_also_while_it_waits_for_its_turn() -> None:
    events, leader, standing_by, other = InMemoryEventStore(), Handler(), Handler(), Handler()
    async with replica(events, leader) as one, replica(events, standing_by, "two") as two:
        await until(lambda: two.loop.fresh(5) and two.loop.session is None)
        two.loop.replace(Subscription(NAME, other))
        await two.tasks[0]
        two.loop.take_successor()
        two.tasks[0] = asyncio.create_task(two.loop.run())
        await one.stop()
        publish(events, an_event(1))
        await until(lambda: other.handled == [1])


@on_virtual_clock
async def test_stopped_it_ends_whether_it_was_replaced_or_not() -> None:
    events = InMemoryEventStore()
    async with replica(events, Handler()) as one:
        one.loop.replace(Subscription(NAME, Handler()))
        await one.stop()
        one.loop.take_successor()
        await one.loop.run()
        assert one.loop.session is None


@on_virtual_clock
async def test_without_a_successor_it_goes_on_as_it_was() -> None:
    async with replica(InMemoryEventStore(), Handler()) as one:
        before = one.loop.subscription
        one.loop.take_successor()
        assert one.loop.subscription is before
