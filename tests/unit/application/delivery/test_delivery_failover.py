"""One subscription at work while the log goes back, as after a failover, in memory."""

import asyncio

import pytest

from qontract.adapters.memory import InMemoryEventStore
from qontract.application.delivery.counts import DeliveryCount
from qontract.application.ports.event_handler import Policy
from tests.support.delivering import Handler, an_event, on_virtual_clock, pending, publish, replica, until

SAYS = "stream rewound; events may come again"


@pytest.fixture(params=[False, True], ids=["ordered", "shared"])
def policy(request: pytest.FixtureRequest) -> Policy:
    return Policy(shared=request.param)


def test_a_log_that_went_back_is_said_and_counted_once_and_what_is_new_is_handled(
    policy: Policy, caplog: pytest.LogCaptureFixture
) -> None:
    @on_virtual_clock
    async def scenario() -> None:
        events, handler = InMemoryEventStore(), Handler(policy)
        async with replica(events, handler) as one:
            publish(events, an_event(0))
            await until(lambda: handler.handled == [0] and pending(events) == 0)
            go_back = events.fork()
            publish(events, an_event(1), an_event(2))
            await until(lambda: handler.handled == [0, 1, 2] and pending(events) == 0)
            go_back()
            publish(events, an_event(3))
            await until(lambda: handler.handled == [0, 1, 2, 3] and pending(events) == 0)
            assert one.counts[DeliveryCount.REWOUND] == 1
            assert one.counts[DeliveryCount.REBUILT] == 0

    scenario()
    assert [record.message for record in caplog.records] == [SAYS]


def test_what_was_acknowledged_in_vain_is_handled_again_and_all_is_acknowledged(policy: Policy) -> None:
    @on_virtual_clock
    async def scenario() -> None:
        events, slowly = InMemoryEventStore(), asyncio.Event()
        handler = Handler(policy, trouble=lambda *_: _wait(slowly))
        async with replica(events, handler):
            publish(events, an_event(0))
            await until(lambda: handler.attempts == [(0, 1)])
            go_back = events.fork()
            slowly.set()
            await until(lambda: handler.handled == [0] and pending(events) == 0)
            go_back()
            await until(lambda: handler.handled == [0, 0] and pending(events) == 0, seconds=30)

    scenario()


def test_an_event_in_the_place_of_one_that_is_still_handled_is_handled_too(policy: Policy) -> None:
    @on_virtual_clock
    async def scenario() -> None:
        events, slowly = InMemoryEventStore(), asyncio.Event()
        handler = Handler(policy, trouble=lambda number, _: _wait(slowly) if number == 1 else asyncio.sleep(0))
        async with replica(events, handler):
            publish(events, an_event(0))
            await until(lambda: handler.handled == [0] and pending(events) == 0)
            go_back = events.fork()
            publish(events, an_event(1))
            await until(lambda: (1, 1) in handler.attempts)
            go_back()
            publish(events, an_event(2))
            await asyncio.sleep(5)
            slowly.set()
            await until(lambda: 2 in handler.handled and pending(events) == 0, seconds=30)

    scenario()


async def _wait(for_this: asyncio.Event) -> None:
    await for_this.wait()
