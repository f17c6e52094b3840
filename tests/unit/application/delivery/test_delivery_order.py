"""One subscription at work: what is handled when, in memory."""

import asyncio

from qontract.adapters.memory import InMemoryEventStore
from qontract.application.delivery.session import Limits
from qontract.application.ports.event_handler import Policy, RetryLater
from tests.support.delivering import (
    Handler,
    an_event,
    failing,
    letters,
    on_virtual_clock,
    pending,
    publish,
    replica,
    until,
)

ERROR = RuntimeError("not this time")


@on_virtual_clock
async def test_an_event_published_before_the_first_subscriber_is_delivered() -> None:
    events, handler = InMemoryEventStore(), Handler()
    publish(events, *map(an_event, range(250)))
    async with replica(events, handler):
        await until(lambda: pending(events) == 0 and len(handler.handled) == 250)
    assert handler.handled == list(range(250))


@on_virtual_clock
async def test_an_event_is_acknowledged_after_its_handler() -> None:
    events, may_end = InMemoryEventStore(), asyncio.Event()

    async def waiting(_: int, __: int) -> None:
        await may_end.wait()

    handler = Handler(trouble=waiting)
    publish(events, an_event(1))
    async with replica(events, handler):
        await until(lambda: handler.attempts == [(1, 1)])
        assert pending(events) == 1
        may_end.set()
        await until(lambda: pending(events) == 0)


@on_virtual_clock
async def test_an_event_that_failed_is_tried_again_and_holds_back_its_own_key_only() -> None:
    events, handler = InMemoryEventStore(), Handler(trouble=failing(ERROR, 0, times=2))
    publish(events, an_event(0, "a"), an_event(1, "a"), an_event(2, "b"), an_event(3, "a"))
    async with replica(events, handler):
        await until(lambda: len(handler.handled) == 4 and pending(events) == 0)
    assert handler.handled == [2, 0, 1, 3]
    assert [attempt for number, attempt in handler.attempts if number == 0] == [1, 2, 3]


@on_virtual_clock
async def test_an_event_that_keeps_failing_holds_back_its_own_key_only_however_many_wait_behind_it() -> None:
    events, handler = InMemoryEventStore(), Handler(Policy(max_attempts=3, backoff=500, max_backoff=500))
    handler._trouble = failing(ERROR, 0)
    publish(events, *(an_event(number, "a") for number in range(3_000)), an_event(99_999, "b"))
    async with replica(events, handler, limits=Limits(in_flight=100, claim_seconds=10)) as one:
        await until(lambda: handler.handled == [99_999], seconds=100)
        assert one.loop.session
        assert sum(len(entry.content or b"") for entry in one.loop.session.held.values()) < 100_000
        await until(lambda: len(letters(events)) == 1 and pending(events) == 0)
    assert handler.handled[1:] == list(range(1, 3_000))


@on_virtual_clock
async def test_a_shared_subscription_goes_on_though_far_more_events_than_it_holds_are_to_be_retried_in_an_hour() -> (
    None
):
    events, handler = InMemoryEventStore(), Handler(Policy(shared=True))
    handler._trouble = failing(RetryLater(3600), *range(1_100))
    publish(events, *map(an_event, range(1_110)))
    async with replica(events, handler, limits=Limits(in_flight=200, batch=50)):
        await until(lambda: len(handler.handled) == 10, seconds=600)
    assert sorted(handler.handled) == list(range(1_100, 1_110))


@on_virtual_clock
async def test_events_of_different_keys_run_at_once_up_to_the_limit() -> None:
    events, running, most = InMemoryEventStore(), 0, 0

    async def counting(_: int, __: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(1)
        running -= 1

    handler = Handler(Policy(concurrency=3), counting)
    publish(events, *(an_event(number, f"subject-{number % 10}") for number in range(50)))
    async with replica(events, handler):
        await until(lambda: len(handler.handled) == 50)
    assert most == 3


@on_virtual_clock
async def test_the_extension_partitionkey_is_the_key_if_an_event_has_it() -> None:
    events, handler = InMemoryEventStore(), Handler(trouble=failing(ERROR, 0, times=1))
    keyed = [an_event(number, f"subject-{number}") for number in range(3)]
    publish(events, *(event.model_copy(update={"extensions": {"partitionkey": "all"}}) for event in keyed))
    async with replica(events, handler):
        await until(lambda: len(handler.handled) == 3)
    assert handler.handled == [0, 1, 2]


@on_virtual_clock
async def test_two_integrations_never_share_a_key() -> None:
    events, handler = InMemoryEventStore(), Handler(trouble=failing(ERROR, 0))
    kinds = ("qontract-api.github-teams.update", "qontract-api.slack-usergroups.update")
    publish(events, *(an_event(number, "acme/team-a", kind) for number, kind in enumerate(kinds)))
    async with replica(events, handler):
        await until(lambda: handler.handled == [1], seconds=1)


@on_virtual_clock
async def test_a_subscription_holds_no_more_bytes_than_its_budget_but_one_event_at_least() -> None:
    events, may_end = InMemoryEventStore(), asyncio.Event()

    async def waiting(_: int, __: int) -> None:
        await may_end.wait()

    handler = Handler(Policy(timeout=1e6), waiting)
    large = [an_event(number, f"s{number}") for number in range(40)]
    publish(events, *(event.model_copy(update={"extensions": {"padding": "x" * 1000}}) for event in large))
    async with replica(events, handler, limits=Limits(max_bytes=5_000, claim_seconds=10)) as one:
        await asyncio.sleep(60)
        assert one.loop.session
        assert 1 <= len(one.loop.session.held) <= 5
        may_end.set()
        await until(lambda: len(handler.handled) == 40)


@on_virtual_clock
async def test_stopping_lets_the_handler_at_work_finish_and_begins_no_other() -> None:
    events, handler = InMemoryEventStore(), Handler()

    async def slow(_: int, __: int) -> None:
        await asyncio.sleep(3)

    handler._trouble = slow
    publish(events, an_event(1), an_event(2))
    async with replica(events, handler) as one:
        await until(lambda: handler.attempts == [(1, 1)])
        await one.stop()
    assert (handler.handled, pending(events)) == ([1], 1)
