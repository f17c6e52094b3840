"""All that each process does on Redis, in a few calls of its adapters, at the URL of its user."""

from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from kombu.exceptions import OperationalError

from qontract.adapters.celery import CeleryJobQueue, job_ledger
from qontract.adapters.cloudevents import CloudEventsEventFormat
from qontract.adapters.redis import (
    RedisBroker,
    RedisDeadLetters,
    RedisDeliveryStates,
    RedisIntents,
    RedisKeptEvents,
    RedisProcessRegistry,
    RedisServerInfo,
    RedisSubscriptions,
)
from qontract.adapters.redis.acl import AclUser
from qontract.adapters.redis.stream.measures import measure
from qontract.application.inspection.event_explanations import EventExplanations, Stores
from qontract.application.jobs import Unfinished
from qontract.application.ports.job_queue import JobQueueError
from qontract.application.ports.kept_events import Span
from qontract.domain.events import DomainEvent
from qontract.domain.job_views import CancelOutcome
from qontract.domain.jobs import Job, JobProgress
from tests.contracts.job_queue_runner import SUCCESS, Runner, a_job, running
from tests.contracts.process_registry import a_process
from tests.support.acl import CHANNEL, STREAM, admin_url
from tests.support.acl_letters import change_letters
from tests.support.acl_parts import an_event, is_well, publish, queue_at, raises, show
from tests.support.redis_event_log import KEYS
from tests.support.waiting import until


async def work_as_api(url: str, admin: Any) -> None:
    """Accept jobs, look at them and cancel one, publish, look at events, control subscriptions, redrive, measure."""
    queue, job = queue_at(url), a_job("a")
    admin.zadd(f"{KEYS.prefix}jobs-kept-until", {"old": 1})
    queue.submit(job)
    queue.submit(job)
    assert queue.result(job.id)
    assert queue.about(job.id)
    with patch.object(queue, "_send", side_effect=OperationalError("away")), raises(JobQueueError):
        queue.submit(a_job("b"))
    _look_at_jobs(url, admin)
    _control(url, admin)
    change_letters(url, admin)
    await measure(url, channel=CHANNEL, stream=STREAM)
    show(url, admin)
    _ask(url, admin)
    is_well(url, AclUser.API, writes=True)


async def work_as_operator(url: str, admin: Any) -> None:
    """Look at jobs and cancel one, publish, look at events, control subscriptions, redrive and discard."""
    _look_at_jobs(url, admin)
    _control(url, admin)
    change_letters(url, admin)
    _ask(url, admin)
    is_well(url, AclUser.OPERATOR, writes=False)


def work_as_worker(url: str, admin: Any, job: Job, later: Job) -> None:
    """Run submitted jobs in slices, renew, free, run lost ones again, record and resolve intents, publish, be ready.

    What Celery itself does in a worker is not among it.
    """
    runner = Runner()
    queue, half = queue_at(url, runner), running(1, 2, memberships={"a": 9})

    def lost_and_renewed(job_slice: Any) -> Unfinished:
        job_slice.show(lambda: half)
        job_slice.renew()
        admin.delete(f"{KEYS.prefix}lock:a")
        job_slice.renew()
        return Unfinished(half)

    runner.steps = [lost_and_renewed, lambda _: JobProgress(result=SUCCESS, memberships={"a": 3})]
    assert queue.run(job.id)
    with queue.locked("a") as free:
        assert free
        assert not queue.run(job.id)
    until(lambda: queue.run(job.id))
    admin.delete(f"{KEYS.prefix}celery:jobs")
    until(lambda: queue.resubmit_lost() > 0)
    _forget_scopes(admin)
    until(lambda: queue.run(later.id))
    with patch.object(job_ledger, "MAX_SCOPES", 0):
        _end_of_another_run(queue, admin)
    with RedisBroker(url) as broker:
        intents, event = RedisIntents(broker, channel=CHANNEL, source="/there"), an_event()
        admin.set(KEYS.intents, "of another type")
        intents.record("test/a", event)
        assert intents.pending()
        intents.resolve([event], applied=False)
    publish(url)
    _mend_jobs(queue, admin)
    show(url, admin)
    is_well(url, AclUser.WORKER, writes=True)


def _end_of_another_run(queue: CeleryJobQueue, admin: Any) -> None:
    """Let a run end whose job has another one; and the other one, and one whose record has gone meanwhile."""
    job, runner = a_job("c"), Runner()

    def overtaken(_: Any) -> JobProgress:
        admin.hset(f"{KEYS.prefix}job:{job.id}", "run", "another")
        return JobProgress(result=SUCCESS)

    runner.steps = [overtaken]
    queue_at(admin_url(admin)).submit(job)
    with patch.object(queue, "_runners", {"test": runner}):
        queue.run(job.id)
        admin.hdel(f"{KEYS.prefix}job:{job.id}", "run")
        until(lambda: queue.run(job.id))


def _look_at_jobs(url: str, admin: Any) -> None:
    """List, show, count and cancel jobs, and show scopes."""
    kept, job = queue_at(url).kept, a_job("a")
    queue_at(admin_url(admin)).submit(job)
    admin.hset(f"{KEYS.prefix}job:{job.id}", "cancel", "of somebody else")
    _forget_scopes(admin)
    assert list(kept.list(limit=1))
    assert kept.get(job.id)
    assert kept.counts().waiting
    assert not kept.scopes()
    with patch.object(job_ledger, "MAX_SCOPES", 0):
        assert kept.cancel(job.id, "me") is kept.cancel(job.id, "me") is CancelOutcome.CANCELLED


def _forget_scopes(admin: Any) -> None:
    """Let there be a scope whose last job ended long ago."""
    admin.zadd(f"{KEYS.prefix}scopes", {"old": 1})


def _mend_jobs(queue: CeleryJobQueue, admin: Any) -> None:
    """Find something else, a stream, in the place of each key that jobs need."""
    submitting = queue_at(admin_url(admin), Runner())
    unread, locked = a_job("c"), a_job("d")
    for job in (unread, locked):
        submitting.submit(job)
    of_these = (f"job:{unread.id}", "lock:d", "begun:d")
    of_all = ("job-signs", "job-number", "memberships", "jobs", "jobs-kept-until", "jobs-waiting", "scopes")
    more = ("scope-ends", "scope-successes", "celery:jobs", "celery:unacked", "celery:_kombu.binding.jobs")
    for name in (*of_these, *of_all, *more):
        admin.delete(f"{KEYS.prefix}{name}")
        admin.xadd(f"{KEYS.prefix}{name}", {"x": "y"})
    queue.resubmit_lost()
    assert queue.run(unread.id)
    until(lambda: queue.run(locked.id))
    admin.set(f"{KEYS.prefix}celery:unacked_mutex", "x")
    queue.resubmit_lost()


def _control(url: str, admin: Any) -> None:
    """Publish, look at kept events, and do to a subscription all that can be done."""
    event = an_event()
    admin.hset(KEYS.intents, f"{event.source}:{event.id}", "")
    publish(url, event, an_event(), an_event())
    kept = RedisKeptEvents(url, stream=STREAM)
    for newest_first in (True, False):
        assert kept.page(Span(None, None, "", newest_first), 10)
    assert kept.get(kept.newest())
    first, second, _ = [entry for entry, _ in admin.xrange(STREAM)]
    admin.xdel(STREAM, second)
    admin.xgroup_create(STREAM, "s", first)  # Redis does not know how far behind it is
    admin.hset(KEYS.records("s"), "1-0", "{}")
    admin.xadd(KEYS.redriven("s"), {"__data__": b"{}"})
    subscriptions = RedisSubscriptions(url, channel=CHANNEL, stream=STREAM)
    admin.hset(KEYS.alive, "s", 1)
    assert subscriptions.pause("s", "alice")
    assert subscriptions.all()
    assert subscriptions.get("s")
    assert subscriptions.get("nobody") is None
    _ask_why(url, admin, event)
    for target in ("start", "end", datetime.now(UTC)):
        assert subscriptions.preview("s", target)
    assert subscriptions.seek("s", "end")
    assert subscriptions.preview("s", "start")
    assert subscriptions.resume("s")
    assert subscriptions.remove("s")


def _ask(url: str, admin: Any) -> None:
    """Ask whether all is well."""
    RedisProcessRegistry(admin_url(admin), channel=CHANNEL).show(a_process())
    assert RedisProcessRegistry(url, channel=CHANNEL).all()
    assert RedisServerInfo(url).read().primary
    with RedisBroker(url) as broker:
        RedisIntents(broker, channel=CHANNEL, source="/there").pending()


def _ask_why(url: str, admin: Any, event: DomainEvent) -> None:
    """Look for an event that waits behind others, and for one that is nowhere."""
    admin.xreadgroup("s", "one", {STREAM: ">"})
    publish(url, event, *(an_event() for _ in range(2)))
    admin.xreadgroup("s", "one", {STREAM: ">"})
    with RedisBroker(url) as broker, patch("qontract.adapters.redis.delivery_states._MAX_AHEAD", 1):
        stores = Stores(
            RedisKeptEvents(url, stream=STREAM),
            RedisSubscriptions(url, channel=CHANNEL, stream=STREAM),
            RedisDeliveryStates(url, channel=CHANNEL, stream=STREAM, source="/here"),
            RedisDeadLetters(url, channel=CHANNEL, stream=STREAM),
            CloudEventsEventFormat("/here"),
            intents=RedisIntents(broker, channel=CHANNEL, source="/here"),
        )
        why = EventExplanations(stores)
        for name in (admin.xrevrange(STREAM, count=1)[0][0].decode(), event.id):
            explanation = why.event(name, event.source)
            assert explanation
            assert not any("NOPERM" in text for found in explanation.findings for text in found.missing)
        assert why.event("nowhere") is None
