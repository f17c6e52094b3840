"""All that the subscriber does on Redis."""

from collections.abc import Sequence
from typing import Any

import redis

from qontract.adapters.redis.acl import AclUser
from qontract.adapters.redis.event_log_connection import RedisEventLogConnection
from qontract.adapters.redis.faststream import faststream_broker
from qontract.application.ports.event_handler import Delivery, EventHandler, Policy
from qontract.application.ports.event_log import EventLog
from qontract.domain.delivery_outcomes import DeliveryOutcome
from qontract.domain.events import DomainEvent
from tests.support.acl import CHANNEL, STREAM
from tests.support.acl_parts import an_event, is_well, make, show
from tests.support.redis_event_log import KEYS, LONG
from tests.support.waiting import until

LAST = "18446744073709551615-18446744073709551615"


class _Ordered(EventHandler[DomainEvent]):
    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        """Nobody calls it."""


class _Shared(_Ordered):
    policy = Policy(shared=True)


async def work_as_subscriber(url: str, admin: Any) -> None:
    """Run subscriptions, ordered and shared, and keep the stream bounded."""
    logs = RedisEventLogConnection(
        faststream_broker(url), replica="one", channel=CHANNEL, stream=STREAM, source="/here", claim_seconds=0.2
    )
    async with logs:
        await _read_together([logs.of(name, _Ordered()) for name in ("both", "of them")], logs.publisher.publish, admin)
        for name, handler in (("ordered", _Ordered()), ("shared", _Shared())):
            log = logs.of(name, handler)
            await log.open()
            await _deliver(log, admin, name, lambda: logs.publisher.publish([*2 * [an_event()], an_event()]))
            await log.abdicate()
            await log.close()
        await logs.evicting_policy()
        await logs.measures()
        await logs.show_alive(("ordered", "shared"))
        admin.hset(KEYS.alive, "ordered", 1)
        await logs.trim(LONG, LONG)
        await logs.trim(0, LONG)
        hashes = (
            KEYS.intents,
            KEYS.dead_counts,
            KEYS.alive,
            KEYS.paused,
            KEYS.redrive_runs,
            KEYS.interests,
            KEYS.places,
            KEYS.records("ordered"),
        )
        for kind in (*hashes, KEYS.redrives):
            make(admin, kind, lambda key: admin.set(key, ""))
        make(admin, KEYS.lease("ordered"), lambda key: admin.set(key, "two"))
        for stream in (KEYS.dead, KEYS.dead_changes, KEYS.redriven("ordered"), KEYS.outcomes("ordered")):
            make(admin, stream, lambda key: [admin.xadd(key, {"a": "b"}, id=each) for each in ("1-1", LAST)])
        await logs.show_alive(("ordered",))
    with redis.Redis.from_url(url) as client, client.pubsub() as listening:
        listening.subscribe(CHANNEL)
        listening.get_message(timeout=5)
        listening.unsubscribe(CHANNEL)
        listening.get_message(timeout=5)
    show(url, admin)
    is_well(url, AclUser.SUBSCRIBER, writes=False)


async def _read_together(behind: Sequence[EventLog], keep: Any, admin: Any) -> None:
    """Let those that are behind read the same part of the stream."""
    event = an_event()
    admin.hset(KEYS.intents, f"{event.source}:{event.id}", "")
    await keep([an_event(), an_event(), event])
    for log in behind:
        await log.open()
        await log.lead(LONG)
        await log.claim_all()
    kept: Any = admin.xrange(STREAM)
    for log in behind:
        await log.read(1, 1000, 0)
    admin.xdel(STREAM, kept[1][0])  # now Redis does not know how far behind they are
    for log in behind:
        await log.measures()
        await log.abdicate()


async def _deliver(log: EventLog, admin: Any, name: str, keep: Any) -> None:
    await keep()
    await log.lead(LONG)
    await log.claim_all() if name == "ordered" else None
    assert not await log.paused()
    first, *others = [*await log.read(100, 1_000_000, 0)]
    await log.record([first, *others])
    await log.heartbeat([first])
    await log.release([first])
    await log.content_of(first)
    await log.remember(["id-1"], LONG)
    assert await log.known("id-1")
    admin.hset(KEYS.dead_counts, name, "no count")
    await log.dead_letter(first)
    others[0].outcome, others[0].ended = DeliveryOutcome.HANDLED, 1.0
    await log.acknowledge(others)
    admin.xadd(KEYS.redriven(name), {"__data__": b"{}"})
    [again] = [*await log.read(100, 1_000_000, 0)]
    await log.record([again])
    await log.heartbeat([again])
    await log.measures()
    admin.xack(KEYS.redriven(name), name, str(again.key).rpartition("/")[2])
    await log.dead_letter(again)  # which is not, for another has ended it
    await log.acknowledge([again])
    await log.read(10, 1000, 0.1)
    await _lose_and_claim(log, admin, name, keep)


async def _lose_and_claim(log: EventLog, admin: Any, name: str, keep: Any) -> None:
    await keep()
    admin.xreadgroup(name, "dead", {STREAM: ">"})
    await keep()
    admin.xreadgroup(name, "dead", {STREAM: ">"}, count=1)
    until(lambda: min(one["time_since_delivered"] for one in _pending(admin, name)) > 300)
    await log.open()
    await log.claim_all() if name == "ordered" else None
    found: Sequence[Any] = ()
    while len(found) < 4:
        found = [*found, *await log.read(10, 10_000, 0)]
    await log.acknowledge(found)


def _pending(admin: Any, name: str) -> Any:
    return admin.xpending_range(STREAM, name, "-", "+", 10)
