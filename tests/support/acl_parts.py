"""What several processes do on Redis, in a few calls of their adapters, at the URL of a user."""

from datetime import UTC, datetime
from typing import Any

import pytest

from qontract.adapters.celery import CeleryJobQueue
from qontract.adapters.celery.job_ledger import MOST_SCOPES
from qontract.adapters.redis import (
    RedisBroker,
    RedisDeadLetters,
    RedisEventPublisher,
    RedisIntents,
    RedisKeptEvents,
    RedisPresence,
    RedisRedriveRuns,
    RedisServerCheck,
    RedisServerInfo,
    RedisSubscriptions,
)
from qontract.adapters.redis.acl import Process
from qontract.application.ports.dead_letters import By, DeadLettersError
from qontract.application.ports.kept_events import Span
from qontract.application.ports.server_check import ServerState
from qontract.domain.events import DomainEvent
from qontract.domain.kept_jobs import CancelOutcome
from qontract.domain.processes import Process as Running
from qontract.domain.processes import ProcessKind
from tests.contracts.job_queue_runner import Runner
from tests.redis_event_log import KEYS
from tests.support.acl import CHANNEL, STREAM


def an_event() -> DomainEvent:
    return DomainEvent(type="a.b", source="/there", data={})


def publish(url: str, *events: DomainEvent) -> None:
    """Publish as every process does."""
    with RedisBroker(url) as broker:
        RedisEventPublisher(broker, channel=CHANNEL, stream=STREAM, source="/here").publish(events or [an_event()])


def queue_at(url: str, runner: Runner | None = None) -> CeleryJobQueue:
    """Return the queue of the API, or of the worker that has this runner."""
    runners: Any = {"test": runner} if runner else {}
    return CeleryJobQueue(url, runners, prefix=KEYS.prefix, time_limit=30, lock_seconds=0.4, keys=[b"a key of these"])


def look_at_jobs(queue: CeleryJobQueue, job_id: str, admin: Any) -> None:
    """Look at jobs and scopes, count, and cancel one that waits."""
    kept = queue.kept
    admin.zadd(f"{KEYS.prefix}scopes", {"test/a": 1})
    assert kept.scopes() == []
    assert [*kept.list(limit=10)]
    assert kept.get(job_id)
    assert kept.counts().waiting
    too_many_scopes(admin)
    assert kept.cancel(job_id, "alice") is CancelOutcome.CANCELLED


def show(url: str, admin: Any) -> None:
    """Show a process, among too many, where keys are of another type."""
    for key in (KEYS.processes, KEYS.processes_seen):
        make(admin, key, lambda name: admin.set(name, "of another type"))
    process = Running(ProcessKind.API, "one", "here", 1, "0", "3", datetime.now(UTC))
    presence = RedisPresence(url, channel=CHANNEL)
    presence.show(process)
    admin.zadd(KEYS.processes_seen, {f"old {number}": number for number in range(600)})
    presence.withdraw(process)


def see(url: str, admin: Any) -> None:
    """See which processes run, what is pending, and how the server is."""
    admin.zadd(KEYS.processes_seen, {"odd": admin.time()[0] * 1000})
    admin.hset(KEYS.processes, "odd", "{}")
    assert RedisPresence(url, channel=CHANNEL).seen() is not None
    RedisServerInfo(url).look()
    with RedisBroker(url) as broker:
        RedisIntents(broker, channel=CHANNEL, source="/there").pending()


def make(admin: Any, key: str, make: Any) -> None:
    admin.delete(key)
    make(key)


def steer(url: str, admin: Any) -> None:
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
    for target in ("start", "end", datetime.now(UTC)):
        assert subscriptions.preview("s", target)
    assert subscriptions.seek("s", "end")
    assert subscriptions.preview("s", "start")
    assert subscriptions.resume("s")
    assert subscriptions.remove("s")


def change_letters(url: str, admin: Any) -> None:
    """Redrive and discard dead letters, in a run, and tell of it."""
    admin.xgroup_create(STREAM, "s", "0")
    letters = RedisDeadLetters(url, channel=CHANNEL, stream=STREAM)
    fields: Any = {"__data__": b"{}", "subscription": "s", "entry": "1-0", "failures": "[]"}
    first, second, third, fourth = [admin.xadd(KEYS.dead, fields).decode() for _ in range(4)]
    admin.hset(KEYS.dead_counts, "s", 2)
    assert [letter.id for letter in letters.iterate()] == [first, second, third, fourth]
    runs = RedisRedriveRuns(url, channel=CHANNEL, stream=STREAM)
    admin.hset(KEYS.redrive_runs, "g", "no run")
    runs.end(runs.begin("other", "s", "alice"))
    assert letters.redrive(first, By("alice", batch="batch"))
    run = runs.begin("g", "s", "alice")
    assert letters.redrive(second, By("alice", run.id, "batch"))
    assert runs.settling(run).waiting == 1
    runs.end(run)
    letters.forget(letters.changes())
    assert letters.discard(fourth, By("alice", batch="batch"))
    assert letters.redriven("s", "1-0")
    admin.set(KEYS.dead_changes, "of another type")
    with raises(DeadLettersError):
        letters.redrive(third, By("alice", batch="batch"))


def is_well(url: str, process: Process, *, writes: bool) -> None:
    assert RedisServerCheck(url, process, channel=CHANNEL, stream=STREAM, writes=writes).state() == ServerState()


def raises(error: type[Exception]) -> Any:
    return pytest.raises(error)


def mend(queue: CeleryJobQueue, admin: Any) -> None:
    """Let the keys of jobs be of another type, and the worker set them aside."""
    jobs = ("jobs", "jobs-kept-until", "jobs-waiting", "job-signs", "memberships")
    scopes = ("scopes", "scope-ends", "scope-successes")
    celery = ("jobs", "unacked", "unacked_index", "unacked_mutex", "_kombu.binding.jobs")
    for name in (*jobs, *scopes, *(f"celery:{each}" for each in celery), "job:odd"):
        make(admin, f"{KEYS.prefix}{name}", lambda key: admin.set(key, "of another type"))
    make(admin, f"{KEYS.prefix}job-number", lambda key: admin.hset(key, "of another", "type"))
    queue.resubmit_lost()
    queue.run("odd")


def too_many_scopes(admin: Any) -> None:
    admin.zadd(f"{KEYS.prefix}scopes", {f"scope {number}": number for number in range(MOST_SCOPES + 1)})
