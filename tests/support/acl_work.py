"""All that each process does on Redis, in a few calls of its adapters, at the URL of its user."""

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import redis
from kombu.exceptions import OperationalError

from qontract.adapters.redis import (
    RedisBroker,
    RedisIntents,
)
from qontract.adapters.redis.acl import Process
from qontract.adapters.redis.event_logs import RedisEventLogs
from qontract.adapters.redis.faststream import faststream_broker
from qontract.adapters.redis.measures import measure
from qontract.application.jobs import Continues
from qontract.application.ports.event_handler import Delivery, EventHandler, Policy
from qontract.application.ports.event_log import EventLog
from qontract.application.ports.job_queue import JobQueueError
from qontract.domain.events import DomainEvent
from qontract.domain.jobs import Job, JobProgress
from tests.contracts.job_queue_runner import SUCCESS, Runner, a_job, running
from tests.processes import until
from tests.redis_event_log import KEYS, LONG
from tests.support.acl import CHANNEL, STREAM, admin_url
from tests.support.acl_parts import (
    an_event,
    change_letters,
    is_well,
    look_at_jobs,
    make,
    mend,
    publish,
    queue_at,
    raises,
    see,
    show,
    steer,
    too_many_scopes,
)

LAST = "18446744073709551615-18446744073709551615"


class _Ordered(EventHandler[DomainEvent]):
    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        """Nobody calls it."""


class _Shared(_Ordered):
    policy = Policy(shared=True)


async def work_as_api(url: str, admin: Any) -> None:
    """Accept jobs, publish, look at events, steer subscriptions, measure, be ready."""
    queue, job = queue_at(url), a_job("a")
    queue.submit(job)
    queue.submit(job)
    assert queue.result(job.id)
    assert queue.about(job.id)
    with patch.object(queue, "_send", side_effect=OperationalError("away")), raises(JobQueueError):
        queue.submit(a_job("b"))
    steer(url, admin)
    change_letters(url, admin)
    look_at_jobs(queue, job.id, admin)
    show(url, admin)
    see(url, admin)
    await measure(url, channel=CHANNEL, stream=STREAM)
    is_well(url, Process.API, writes=True)


async def work_as_operator(url: str, admin: Any) -> None:
    """Publish, look at events and jobs, cancel, steer subscriptions, redrive and discard."""
    steer(url, admin)
    job = a_job("a")
    queue_at(admin_url(admin)).submit(job)
    look_at_jobs(queue_at(url), job.id, admin)
    see(url, admin)
    change_letters(url, admin)
    is_well(url, Process.OPERATOR, writes=False)


def work_as_worker(url: str, admin: Any, job: Job, later: Job, lost: Job) -> None:
    """Run submitted jobs in slices, renew, free, run lost ones again, record and resolve intents, publish, be ready.

    What Celery itself does in a worker is not among it.
    """
    runner = Runner()
    queue, half = queue_at(url, runner), running(1, 2, memberships={"a": 9})

    def lost_and_renewed(turn: Any) -> Continues:
        turn.show(lambda: half)
        turn.renew()
        admin.delete(f"{KEYS.prefix}lock:a")
        turn.renew()
        return Continues(half)

    runner.steps = [lost_and_renewed, lambda _: JobProgress(result=SUCCESS, memberships={"a": 3})]
    too_many_scopes(admin)
    assert queue.run(job.id)
    with queue.locked("a") as free:
        assert free
        assert not queue.run(job.id)
    until(lambda: queue.run(job.id))
    admin.delete(f"{KEYS.prefix}celery:jobs")
    until(lambda: queue.resubmit_lost() > 0)
    until(lambda: queue.run(later.id))
    runner.steps = [lambda _: _run_by_another(admin, lost)]
    for name in ("lock:b", "begun:b"):
        admin.hset(f"{KEYS.prefix}{name}", "of another", "type")
    assert queue.run(lost.id)
    mend(queue, admin)
    show(url, admin)
    with RedisBroker(url) as broker:
        intents, event = RedisIntents(broker, channel=CHANNEL, source="/there"), an_event()
        admin.set(KEYS.intents, "of another type")
        intents.record("test/a", event)
        assert intents.pending()
        intents.resolve([event], applied=False)
    publish(url)
    is_well(url, Process.WORKER, writes=True)


def _run_by_another(admin: Any, job: Job) -> JobProgress:
    admin.hset(f"{KEYS.prefix}job:{job.id}", "run", "another")
    return JobProgress(result=SUCCESS)


async def work_as_subscriber(url: str, admin: Any) -> None:
    """Run subscriptions, ordered and shared, and keep the stream bounded."""
    logs = RedisEventLogs(
        faststream_broker(url), replica="one", channel=CHANNEL, stream=STREAM, source="/here", claim_seconds=0.2
    )
    show(url, admin)
    async with logs:
        await _read_together([logs.of(name, _Ordered()) for name in ("both", "of them")], logs.publisher.publish, admin)
        for name, handler in (("ordered", _Ordered()), ("shared", _Shared())):
            log = logs.of(name, handler)
            await log.open()
            await _deliver(log, admin, name, lambda: logs.publisher.publish([an_event(), an_event()]))
            await log.abdicate()
            await log.close()
        await logs.evicting_policy()
        await logs.measures()
        await logs.show_alive(("ordered", "shared"))
        admin.hset(KEYS.alive, "ordered", 1)
        await logs.trim(LONG, LONG)
        await logs.trim(0, LONG)
        hashes = (KEYS.intents, KEYS.dead_counts, KEYS.alive, KEYS.paused, KEYS.redrive_runs, KEYS.records("ordered"))
        for kind in (*hashes, KEYS.redrives):
            make(admin, kind, lambda key: admin.set(key, ""))
        make(admin, KEYS.lease("ordered"), lambda key: admin.set(key, "two"))
        for stream in (KEYS.dead, KEYS.dead_changes, KEYS.redriven("ordered")):
            make(admin, stream, lambda key: [admin.xadd(key, {"a": "b"}, id=each) for each in ("1-1", LAST)])
        await logs.show_alive(("ordered",))
    with redis.Redis.from_url(url) as client, client.pubsub() as listening:
        listening.subscribe(CHANNEL)
        listening.get_message(timeout=5)
        listening.unsubscribe(CHANNEL)
        listening.get_message(timeout=5)
    is_well(url, Process.SUBSCRIBER, writes=False)


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
