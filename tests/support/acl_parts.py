"""What several users of Redis do."""

from datetime import UTC, datetime
from typing import Any

from qontract.adapters.celery import CeleryJobQueue
from qontract.adapters.redis import (
    RedisBroker,
    RedisEventPublisher,
    RedisProcessRegistry,
    RedisServerCheck,
)
from qontract.adapters.redis.acl import AclUser
from qontract.adapters.redis.write_durability import WriteDurability
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.application.ports.server_check import ServerState
from qontract.domain.events import DomainEvent
from tests.contracts.job_queue_runner import Runner
from tests.contracts.process_registry import a_process
from tests.support.acl import CHANNEL, STREAM
from tests.support.redis_event_log import KEYS


def an_event() -> DomainEvent:
    return DomainEvent(type="a.b", source="/there", data={})


def publish(url: str, *events: DomainEvent) -> None:
    """Publish as every process does, and again, as one does whose answer was lost; wait for replicas, and for disks."""
    events = events or (an_event(),)
    for fsync in (False, True):
        with RedisBroker(url, durability=WriteDurability(1, 0.01, fsync=fsync)) as broker:
            publisher = RedisEventPublisher(broker, channel=CHANNEL, stream=STREAM, source="/here")
            with raises(EventPublisherError) as raised:
                publisher.publish(events)
            assert raised.value.unreplicated


def queue_at(url: str, runner: Runner | None = None) -> CeleryJobQueue:
    """Return the queue of the API, or of the worker that has this runner."""
    runners: Any = {"test": runner} if runner else {}
    return CeleryJobQueue(url, runners, prefix=KEYS.prefix, time_limit=30, lock_seconds=0.4, keys=[b"a key of these"])


def make(admin: Any, key: str, make: Any) -> None:
    admin.delete(key)
    make(key)


def show(url: str, admin: Any) -> None:
    """Show that a process runs, beside what is not what it should be, what is old, and what is too much."""
    process_registry, now = RedisProcessRegistry(url, channel=CHANNEL), datetime.now(UTC).timestamp() * 1000
    for key in (KEYS.processes, KEYS.processes_seen):
        make(admin, key, lambda key: admin.set(key, "of another type"))
        process_registry.show(a_process())
    admin.zadd(KEYS.processes_seen, {"old": 1} | {f"process-{number}": now for number in range(501)})
    process_registry.show(a_process())
    process_registry.withdraw(a_process())


def is_well(url: str, process: AclUser, *, writes: bool) -> None:
    assert RedisServerCheck(url, process, channel=CHANNEL, stream=STREAM, writes=writes).state() == ServerState()


def raises(error: type[Exception]) -> Any:
    import pytest

    return pytest.raises(error)
