"""The consumer of the stream, on a real Valkey."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
import redis
from prometheus_client import REGISTRY
from structlog.contextvars import get_contextvars

from qontract.adapters.memory import InMemoryEventHandler
from qontract.adapters.redis import RedisBroker, RedisEventConsumer, RedisEventPublisher
from qontract.adapters.redis.faststream import faststream_broker
from qontract.application.ports.event_handler import EventHandler, Never, NotNow, Policy, attempt
from qontract.application.subscription import Subscription
from qontract.domain.events import DomainEvent

pytestmark = pytest.mark.anyio

STREAM = "qontract:{main}:events"
QUICK = Policy(attempts=3, pause=0.05, timeout=0.3)


class Recording(InMemoryEventHandler):
    """Keeps what it handled, and each attempt; raises what it is told to for a number."""

    def __init__(self, policy: Policy = QUICK, **troubles: Exception) -> None:
        super().__init__()
        self.policy = policy
        self.troubles = troubles
        self.attempts: list[tuple[int, int]] = []

    async def handle(self, event: DomainEvent) -> None:
        number = event.model_dump()["data"]["number"]
        self.attempts.append((number, attempt.get()))
        if trouble := self.troubles.pop(f"n{number}_{attempt.get()}", None) or self.troubles.get(f"n{number}"):
            raise trouble
        await super().handle(event)


class Slow(EventHandler):
    """Handles when it is allowed to."""

    def __init__(self, policy: Policy = QUICK) -> None:
        self.policy = policy
        self.begun, self.may_end, self.ended = anyio.Event(), anyio.Event(), 0

    async def handle(self, event: DomainEvent) -> None:
        self.begun.set()
        await self.may_end.wait()
        self.ended += 1


PATIENT = Policy(timeout=30)
ERROR = RuntimeError("not this time")


def an_event(number: int, subject: str = "here", event_type: str = "qontract-api.test.happened") -> DomainEvent:
    return DomainEvent(type=event_type, subject=subject, data={"number": number})


def publish(url: str, *events: DomainEvent) -> None:
    with RedisBroker(url) as broker:
        RedisEventPublisher(broker, channel="main", stream=STREAM, source="qontract-api").publish(events)


def numbers(handler: InMemoryEventHandler) -> list[Any]:
    return [event.model_dump()["data"]["number"] for event in handler.handled]


async def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    with anyio.fail_after(seconds):
        while not condition():
            await anyio.sleep(0.01)


@asynccontextmanager
async def consuming(
    url: str, *handlers: EventHandler, replica: str = "one", take_over_seconds: float = 2, **limits: Any
) -> AsyncIterator[RedisEventConsumer]:
    broker = faststream_broker(url)
    consumer = RedisEventConsumer(
        broker.connect,
        [Subscription(f"number-{place}", handler) for place, handler in enumerate(handlers)],
        prefix="qontract:{main}:",
        stream=STREAM,
        replica=replica,
        take_over_seconds=take_over_seconds,
        **{"batch": 10, **limits},
    )
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(consumer.run)
            try:
                yield consumer
            finally:
                group.cancel_scope.cancel()
    finally:
        await broker.stop()


def ask(url: str, *command: Any) -> Any:
    with redis.Redis.from_url(url) as client:
        return client.execute_command(*command)


def pending(url: str, group: str = "number-0") -> int:
    """Return how many entries are read and not acknowledged; -1 if the group is not there yet."""
    try:
        return int(ask(url, "XPENDING", STREAM, group)["pending"])
    except redis.ResponseError:
        return -1


def consumers(url: str) -> dict[str, int]:
    """Return how many entries are pending for each consumer of the group."""
    with redis.Redis.from_url(url) as client:
        found: Any = client.xinfo_consumers(STREAM, "number-0")
    return {consumer["name"].decode(): consumer["pending"] for consumer in found}


def dead(url: str) -> list[dict[str, Any]]:
    with redis.Redis.from_url(url) as client:
        letters: Any = client.xrange("qontract:{main}:dead")
    return [{key.decode(): value for key, value in fields.items()} for _, fields in letters]


async def test_an_event_published_before_the_first_subscriber_is_delivered(valkey_url: str) -> None:
    publish(valkey_url, *map(an_event, range(25)))
    handler = InMemoryEventHandler()
    async with consuming(valkey_url, handler):
        await until(lambda: len(handler.handled) == 25)
    assert numbers(handler) == list(range(25))


async def test_every_subscription_gets_each_event_that_it_wants_and_no_other(valkey_url: str) -> None:
    everything, some = InMemoryEventHandler(), InMemoryEventHandler("qontract-api.other.*")
    async with consuming(valkey_url, everything, some):
        publish(valkey_url, an_event(1), an_event(2, event_type="qontract-api.other.done"), an_event(3))
        await until(lambda: len(everything.handled) == 3 and len(some.handled) == 1)
    assert numbers(some) == [2]


async def test_an_event_is_acknowledged_after_its_handler(valkey_url: str) -> None:
    publish(valkey_url, an_event(1))
    handler = Slow(PATIENT)
    async with consuming(valkey_url, handler):
        await handler.begun.wait()
        assert pending(valkey_url) == 1
        handler.may_end.set()
        await until(lambda: pending(valkey_url) == 0)


async def test_an_event_that_failed_is_tried_again_and_holds_back_its_own_subject_only(valkey_url: str) -> None:
    events = [an_event(0, "a"), an_event(1, "a"), an_event(2, "b"), an_event(3, "a")]
    publish(valkey_url, *events)
    handler = Recording(n0_1=ERROR, n0_2=ERROR)
    async with consuming(valkey_url, handler):
        await until(lambda: len(handler.handled) == 4)
        await until(lambda: pending(valkey_url) == 0)
    assert numbers(handler) == [2, 0, 1, 3]
    assert [number for place, number in handler.attempts if place == 0] == [1, 2, 3]
    assert ask(valkey_url, "HLEN", "qontract:{main}:failures:number-0") == 0


async def test_after_the_last_attempt_an_event_is_a_dead_letter_with_each_error_and_later_ones_go_on(
    valkey_url: str,
) -> None:
    publish(valkey_url, an_event(0), an_event(1))
    handler = Recording(n0=ERROR)
    async with consuming(valkey_url, handler):
        await until(lambda: numbers(handler) == [1])
        await until(lambda: pending(valkey_url) == 0)
    [letter] = dead(valkey_url)
    assert letter["subscription"] == b"number-0"
    assert json.loads(letter["__data__"])["data"] == {"number": 0}
    failures = json.loads(letter["failures"])
    assert [failure["error"] for failure in failures] == ["RuntimeError: not this time"] * 3
    assert all(failure["time"].endswith("Z") for failure in failures)


async def test_what_cannot_be_read_is_a_dead_letter_at_once_with_its_bytes_as_they_came(valkey_url: str) -> None:
    junk = b"{ this is \xff no event"
    known_type = b'{"specversion":"1.0","id":"1","source":"s","type":"qontract-api.slack-usergroups.create","data":{}}'
    for raw in (junk, known_type):
        ask(valkey_url, "XADD", STREAM, "*", "__data__", raw)
    ask(valkey_url, "XADD", STREAM, "*", "something", "else")
    publish(valkey_url, an_event(1))
    handler = Recording()
    async with consuming(valkey_url, handler):
        await until(lambda: numbers(handler) == [1])
        await until(lambda: pending(valkey_url) == 0)
    assert {letter["__data__"] for letter in dead(valkey_url)} == {junk, known_type, b""}


async def test_a_handler_that_says_never_sends_the_event_to_the_dead_letters_at_once(valkey_url: str) -> None:
    publish(valkey_url, an_event(0))
    handler = Recording(n0=Never("no such team"))
    async with consuming(valkey_url, handler):
        await until(lambda: len(dead(valkey_url)) == 1)
    assert handler.attempts == [(0, 1)]
    assert "no such team" in json.loads(dead(valkey_url)[0]["failures"])[0]["error"]


async def test_a_handler_that_says_not_now_is_asked_again_then_and_it_is_no_attempt(valkey_url: str) -> None:
    publish(valkey_url, an_event(0))
    handler = Recording(n0_1=NotNow(0.2))
    async with consuming(valkey_url, handler):
        await until(lambda: handler.attempts == [(0, 1)])
        begun = anyio.current_time()
        await until(lambda: numbers(handler) == [0])
        assert anyio.current_time() - begun >= 0.15
    assert handler.attempts == [(0, 1), (0, 1)]


async def test_a_handler_that_takes_too_long_has_failed(valkey_url: str) -> None:
    publish(valkey_url, an_event(0))
    async with consuming(valkey_url, Slow(Policy(attempts=1, timeout=0.05))):
        await until(lambda: len(dead(valkey_url)) == 1)
    assert "TimeoutError" in json.loads(dead(valkey_url)[0]["failures"])[0]["error"]


async def test_a_restart_does_not_forget_the_attempts(valkey_url: str) -> None:
    publish(valkey_url, an_event(0))
    first, second = Recording(n0=ERROR), Recording(n0=ERROR)
    first.policy = second.policy = Policy(attempts=3, pause=0.5)
    async with consuming(valkey_url, first) as consumer:
        await until(lambda: ask(valkey_url, "HLEN", "qontract:{main}:failures:number-0") == 1)
        consumer.stop()
        await until(lambda: ask(valkey_url, "EXISTS", "qontract:{main}:lease:number-0") == 0)
    async with consuming(valkey_url, second, replica="two"):
        await until(lambda: len(dead(valkey_url)) == 1)
    assert first.attempts + second.attempts == [(0, 1), (0, 2), (0, 3)]


@pytest.mark.parametrize("shared", [False, True])
async def test_a_redriven_event_reaches_only_the_subscription_that_failed(valkey_url: str, shared: bool) -> None:
    handlers = Recording(Policy(shared=shared)), Recording(Policy(shared=shared))
    async with consuming(valkey_url, *handlers):
        publish(valkey_url, an_event(1))
        await until(lambda: numbers(handlers[0]) == numbers(handlers[1]) == [1])
        raw = ask(valkey_url, "XRANGE", STREAM, "-", "+")[0][1][b"__data__"]
        ask(valkey_url, "XADD", "qontract:{main}:redriven:number-1", "*", "__data__", raw)
        await until(lambda: numbers(handlers[1]) == [1, 1])
        await until(lambda: ask(valkey_url, "XLEN", "qontract:{main}:redriven:number-1") == 0)
    assert numbers(handlers[0]) == [1]


async def test_an_event_id_that_was_handled_is_not_handled_again_if_the_policy_says_once(valkey_url: str) -> None:
    handler = Recording(Policy(once_for=60))
    publish(valkey_url, an_event(1))
    async with consuming(valkey_url, handler):
        await until(lambda: pending(valkey_url) == 0 and numbers(handler) == [1])
        raw = ask(valkey_url, "XRANGE", STREAM, "-", "+")[0][1][b"__data__"]
        ask(valkey_url, "XADD", STREAM, "*", "__data__", raw)
        publish(valkey_url, an_event(2))
        await until(lambda: len(handler.handled) == 2)
    assert numbers(handler) == [1, 2]


async def test_events_of_different_subjects_run_at_once_up_to_the_limit(valkey_url: str) -> None:
    running, most, gate = 0, 0, anyio.Event()

    class Counting(EventHandler):
        policy = Policy(concurrency=3)

        async def handle(self, event: DomainEvent) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            if most == 3:
                gate.set()
            await gate.wait()
            running -= 1

    publish(valkey_url, *(an_event(number, f"subject-{number % 10}") for number in range(50)))
    async with consuming(valkey_url, Counting()):
        await until(lambda: pending(valkey_url) == 0 and gate.is_set() and running == 0)
    assert most == 3


async def test_a_backlog_of_20_000_is_shared_by_two_replicas_whoever_started_first(valkey_url: str) -> None:
    publish(valkey_url, *(an_event(number) for number in range(20_000)))

    class Working(Recording):
        async def handle(self, event: DomainEvent) -> None:
            await anyio.sleep(0.001)
            await super().handle(event)

    shared = Policy(shared=True, concurrency=50)
    first, second = Working(shared), Working(shared)
    async with consuming(valkey_url, first, replica="one", batch=100):
        await until(lambda: len(first.handled) > 0)
        async with consuming(valkey_url, second, replica="two", batch=100):
            await until(lambda: len(first.handled) + len(second.handled) == 20_000, seconds=40)
    assert min(len(first.handled), len(second.handled)) > 20_000 / 3
    assert sorted(numbers(first) + numbers(second)) == list(range(20_000))


async def test_a_shared_event_is_not_taken_from_a_long_handler_that_is_alive(valkey_url: str) -> None:
    publish(valkey_url, an_event(1))
    slow, other = Slow(Policy(shared=True, timeout=30)), Recording(Policy(shared=True))
    async with consuming(valkey_url, slow, replica="one", take_over_seconds=0.6, in_flight=1):
        await slow.begun.wait()
        async with consuming(valkey_url, other, replica="two", take_over_seconds=0.6):
            publish(valkey_url, an_event(2))
            await until(lambda: numbers(other) == [2])
            with anyio.move_on_after(2):
                await until(lambda: len(other.attempts) > 1)
            slow.may_end.set()
            await until(lambda: pending(valkey_url) == 0)
    assert (slow.ended, numbers(other)) == (1, [2])


async def test_a_shared_event_that_a_dead_replica_had_read_is_taken_over(valkey_url: str) -> None:
    publish(valkey_url, *map(an_event, range(5)))
    handler = Recording(Policy(shared=True))
    ask(valkey_url, "XGROUP", "CREATE", STREAM, "number-0", "0")
    ask(valkey_url, "XREADGROUP", "GROUP", "number-0", "dead", "COUNT", "3", "STREAMS", STREAM, ">")
    async with consuming(valkey_url, handler, take_over_seconds=0.5):
        await until(lambda: pending(valkey_url) == 0 and len(handler.handled) == 5)
    assert sorted(numbers(handler)) == list(range(5))


async def test_what_was_read_and_not_begun_goes_back_to_be_taken_at_once(valkey_url: str) -> None:
    policy = Policy(shared=True, concurrency=1, timeout=30)
    publish(valkey_url, *map(an_event, range(5)))
    slow, other = Slow(policy), Recording(policy)
    async with consuming(valkey_url, slow, replica="one", take_over_seconds=600) as consumer:
        await slow.begun.wait()
        consumer.stop()
        async with consuming(valkey_url, other, replica="two", take_over_seconds=3):
            slow.may_end.set()
            await until(lambda: len(other.handled) == 4)
    assert slow.ended == 1


async def test_a_replica_that_stops_takes_its_name_away(valkey_url: str) -> None:
    publish(valkey_url, an_event(0))
    handler = Recording()
    async with consuming(valkey_url, handler) as consumer:
        await until(lambda: numbers(handler) == [0] and consumers(valkey_url) == {"one": 0})
        consumer.stop()
        await until(lambda: consumers(valkey_url) == {})


async def test_a_replica_with_pending_entries_keeps_its_name(valkey_url: str) -> None:
    publish(valkey_url, an_event(0))
    handler = Recording(Policy(pause=60), n0=ERROR)
    async with consuming(valkey_url, handler) as consumer:
        await until(lambda: ask(valkey_url, "HLEN", "qontract:{main}:failures:number-0") == 1)
        consumer.stop()
        await until(lambda: ask(valkey_url, "EXISTS", "qontract:{main}:lease:number-0") == 0)
    assert consumers(valkey_url) == {"one": 1}


async def test_an_event_of_an_unknown_type_is_a_plain_event_for_who_wants_it(valkey_url: str) -> None:
    publish(valkey_url, DomainEvent(type="com.example.new", data={"any": ["thing", None]}))
    handler = InMemoryEventHandler()
    async with consuming(valkey_url, handler):
        await until(lambda: len(handler.handled) == 1)
    assert type(handler.handled[0]) is DomainEvent
    assert handler.handled[0].data == {"any": ["thing", None]}


async def test_what_a_dead_replica_had_read_is_taken_over_in_order(valkey_url: str) -> None:
    publish(valkey_url, *map(an_event, range(5)))
    stuck, handler = Slow(PATIENT), InMemoryEventHandler()
    async with consuming(valkey_url, stuck, replica="one"):
        await stuck.begun.wait()
    with redis.Redis.from_url(valkey_url) as client:  # as after a kill -9: the lease is still there
        client.set("qontract:{main}:lease:number-0", "one", px=500)
    assert pending(valkey_url) == 5
    async with consuming(valkey_url, handler, replica="two"):
        await until(lambda: len(handler.handled) == 5)
    assert numbers(handler) == list(range(5))


async def test_a_second_replica_stands_by_while_the_first_one_works(valkey_url: str) -> None:
    first, second = InMemoryEventHandler(), InMemoryEventHandler()
    async with consuming(valkey_url, first, replica="one"):
        publish(valkey_url, an_event(0))
        await until(lambda: len(first.handled) == 1)
        async with consuming(valkey_url, second, replica="two") as standing_by:
            publish(valkey_url, *map(an_event, range(1, 20)))
            await until(lambda: len(first.handled) == 20)
            assert standing_by.stalled(5) == []
    assert second.handled == []


async def test_a_stream_that_disappears_is_followed_again_from_what_is_there(valkey_url: str) -> None:
    handler = InMemoryEventHandler()
    async with consuming(valkey_url, handler):
        publish(valkey_url, an_event(1))
        await until(lambda: len(handler.handled) == 1)
        with redis.Redis.from_url(valkey_url) as client:
            client.flushall()
        publish(valkey_url, an_event(2))
        await until(lambda: len(handler.handled) == 2)
    assert numbers(handler) == [1, 2]


async def test_stopping_lets_the_handler_at_work_finish_and_begins_no_other(valkey_url: str) -> None:
    publish(valkey_url, an_event(1), an_event(2))
    handler = Slow(PATIENT)
    async with consuming(valkey_url, handler) as consumer:
        await handler.begun.wait()
        consumer.stop()
        handler.may_end.set()
        await until(lambda: pending(valkey_url) == 1)
    assert handler.ended == 1


async def test_a_subscription_that_makes_no_progress_is_stalled(valkey_url: str) -> None:
    handler = Slow(PATIENT)
    async with consuming(valkey_url, handler) as consumer:
        publish(valkey_url, an_event(1))
        await handler.begun.wait()
        await until(lambda: consumer.stalled(0.2) == ["number-0"])
        handler.may_end.set()
        await until(lambda: consumer.stalled(2) == [])


async def test_a_group_that_disappears_is_made_again_within_5_seconds_and_counted(valkey_url: str) -> None:
    handler = Recording()
    publish(valkey_url, an_event(1))
    async with consuming(valkey_url, handler) as consumer:
        await until(lambda: numbers(handler) == [1])
        ask(valkey_url, "XGROUP", "DESTROY", STREAM, "number-0")
        with anyio.fail_after(5):
            await until(lambda: pending(valkey_url) == 0)
        publish(valkey_url, an_event(2))
        await until(lambda: numbers(handler)[-1] == 2)
        assert consumer.stalled(5) == []
    rebuilt = REGISTRY.get_sample_value("qontract_groups_rebuilt_total", {"subscription": "number-0"})
    assert rebuilt is not None
    assert rebuilt >= 1


async def test_what_a_live_group_has_not_acknowledged_is_never_trimmed_and_what_all_have_and_is_old_is(
    valkey_url: str,
) -> None:
    def kept() -> list[int]:
        entries = ask(valkey_url, "XRANGE", STREAM, "-", "+")
        return [json.loads(fields[b"__data__"])["data"]["number"] for _, fields in entries]

    publish(valkey_url, *(an_event(number, f"subject-{number}") for number in range(5)))
    handler = Recording(n3=ERROR)
    handler.policy = Policy(pause=1000, longest_pause=1000)
    async with consuming(valkey_url, handler, retention_seconds=0.01):
        await until(lambda: pending(valkey_url) == 1)
        await until(lambda: kept() == [3, 4])


async def test_a_group_that_is_gone_for_too_long_no_longer_holds_back_the_trimming(valkey_url: str) -> None:
    publish(valkey_url, an_event(0))
    ask(valkey_url, "XGROUP", "CREATE", STREAM, "gone", "0")
    ask(valkey_url, "HSET", "qontract:{main}:alive", "gone", "1")
    async with consuming(valkey_url, Recording(), retention_seconds=0.01, abandoned_seconds=60):
        await until(lambda: pending(valkey_url) == 0)
        publish(valkey_url, an_event(1))
        await until(lambda: ask(valkey_url, "XLEN", STREAM) == 1)
    assert REGISTRY.get_sample_value("qontract_subscription_abandoned", {"subscription": "gone"}) == 1


async def test_how_far_a_subscription_has_come_is_measured(valkey_url: str) -> None:
    def measured(name: str) -> float | None:
        return REGISTRY.get_sample_value(f"qontract_events_{name}", {"subscription": "number-0"})

    publish(valkey_url, *(an_event(number) for number in range(30)))
    slow = Slow(PATIENT)
    async with consuming(valkey_url, slow, in_flight=10, retention_seconds=0.05):
        await slow.begun.wait()
        await until(lambda: (measured("pending"), measured("lag"), measured("in_flight")) == (10, 20, 1))
        await until(lambda: (measured("oldest_seconds") or 0) > 0.5)
        slow.may_end.set()
        await until(lambda: (measured("pending"), measured("lag"), measured("oldest_seconds")) == (0, 0, 0))


@pytest.mark.parametrize("refuse", [False, True])
async def test_an_evicting_server_is_warned_of_or_refused(
    valkey_url: str, refuse: bool, caplog: pytest.LogCaptureFixture
) -> None:
    ask(valkey_url, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        async with consuming(valkey_url, refuse_eviction=refuse) as consumer:
            if refuse:
                with pytest.raises(SystemExit, match="allkeys-lru"):
                    await consumer.check_eviction()
            else:
                await consumer.check_eviction()
                assert "may evict" in caplog.text
    finally:
        ask(valkey_url, "CONFIG", "SET", "maxmemory-policy", "noeviction")


async def test_the_names_of_dead_replicas_do_not_pile_up(valkey_url: str) -> None:
    ask(valkey_url, "XGROUP", "CREATE", STREAM, "number-0", "0", "MKSTREAM")
    for name in ("dead-1", "dead-2"):
        ask(valkey_url, "XGROUP", "CREATECONSUMER", STREAM, "number-0", name)
    async with consuming(valkey_url, Recording(Policy(shared=True)), take_over_seconds=0.1):
        await until(lambda: not {"dead-1", "dead-2"} & consumers(valkey_url).keys())


async def test_what_a_handler_logs_has_the_correlation_id_of_the_event(valkey_url: str) -> None:
    seen: list[dict[str, Any]] = []

    class Looking(EventHandler):
        async def handle(self, event: DomainEvent) -> None:
            seen.append(dict(get_contextvars()))

    event = DomainEvent(type="a.b", data={}, correlation_id="r-42")
    publish(valkey_url, event)
    async with consuming(valkey_url, Looking()):
        await until(lambda: len(seen) == 1)
    bound = {"correlation_id": "r-42", "event_id": event.id, "event_type": "a.b", "subscription": "number-0"}
    assert seen == [bound]
