"""What does jobs and publishes events, from the settings."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING

from qontract.application.event_manager import EventManager
from qontract.application.failover_replay import FailoverReplay
from qontract.application.guards import Guards
from qontract.application.jobs import JobSlice, Runners, Unfinished
from qontract.application.ports.job_admin import JobAdmin
from qontract.application.ports.job_queue import JobQueue
from qontract.application.ports.tracer import Tracer
from qontract.application.reconcile import reconcile
from qontract.application.recovery import recover_all
from qontract.domain.jobs import Job, JobProgress
from qontract.entrypoints.integrations import IntegrationInstances
from qontract.entrypoints.plugins import error_text
from qontract.entrypoints.settings import Settings
from qontract.entrypoints.settings.groups import SECRET_BYTES
from qontract.entrypoints.settings.traces import wanted

if TYPE_CHECKING:  # a process imports only the adapters that it makes: it starts the sooner
    from qontract.adapters.celery import CeleryJobQueue
    from qontract.adapters.redis import RedisBroker, RedisEventPublisher

log = logging.getLogger(__name__)

Recovery = Callable[[], None]
"""Runs again the jobs of dead workers, republishes what is spooled, and resolves the intents of dead runs."""


def event_broker(settings: Settings) -> "RedisBroker":
    """Return what publishes. A Redis that does not answer takes half a second, every quarter of a minute."""
    from qontract.adapters.redis import RedisBroker
    from qontract.adapters.redis.write_durability import WriteDurability

    events = settings.events
    must_wait = events.replicas or events.fsync
    durability = WriteDurability(events.replicas, events.replicas_timeout, fsync=events.fsync) if must_wait else None
    return RedisBroker(settings.events_url, timeout=0.5, pause=15, durability=durability)


def failover_replay(settings: Settings, broker: "RedisBroker") -> FailoverReplay | None:
    """Return what publishes again what a failover may have lost; None if nothing is published, or nothing kept."""
    from qontract.adapters.redis import RedisReplicationHistory
    from qontract.adapters.redis.replication_history import FORGOTTEN, PUBLISHED_AGAIN

    events = settings.events
    if not events.enabled or not events.stream:
        return None
    server = RedisReplicationHistory(broker, channel=events.channel)
    sender = _event_publisher(settings, broker)
    return FailoverReplay(sender, server, count_again=PUBLISHED_AGAIN.inc, count_forgotten=FORGOTTEN.inc)


def event_manager(settings: Settings, broker: "RedisBroker", window: FailoverReplay | None) -> EventManager | None:
    from qontract.adapters.redis import RedisIntents
    from qontract.adapters.redis.event_publisher import NOT_PUBLISHED
    from qontract.adapters.sqlite import SqliteEventSpool

    events = settings.events
    if not events.enabled:
        return None
    return EventManager(
        window or _event_publisher(settings, broker),
        spool=SqliteEventSpool(events.spool, max_bytes=events.spool_max_bytes),
        unreplicated=SqliteEventSpool(events.unreplicated, max_bytes=events.spool_max_bytes),
        intents=RedisIntents(broker, channel=events.channel, source=events.source),
        count_not_published=NOT_PUBLISHED.inc,
        before_resolving=window.check_history if window else lambda: None,
    )


def _event_publisher(settings: Settings, broker: "RedisBroker") -> "RedisEventPublisher":
    from qontract.adapters.redis import RedisEventPublisher

    events = settings.events
    return RedisEventPublisher(broker, channel=events.channel, stream=events.stream, source=events.source)


def tracer(service: str) -> Tracer | None:
    """Return what records spans, for a service of this name; None: OpenTelemetry's variables want none, or cannot be.

    Then the log says why.
    """
    try:
        if not wanted():
            return None
        from qontract.adapters.opentelemetry import OpenTelemetryTracer

        return OpenTelemetryTracer(service, everyones=True)
    except Exception as error:  # noqa: BLE001 - whatever the SDK raises: without traces, all else works
        log.warning("tracing left out", extra={"error": error_text(error)})
        return None


def guards(settings: Settings) -> Guards:
    guards = settings.guards
    return Guards(guards.max_removal_share, guards.min_removals, guards.protected)


def runners(made: IntegrationInstances, events: EventManager | None, guards: Guards) -> Runners:
    """Return what runs the jobs of each integration; of one that was refused, what says why."""

    def refused(job: Job, _: JobSlice) -> JobProgress:
        raise RuntimeError(f"the worker has no integration {job.integration!r}: {made.refused[job.integration]}")

    def run(job: Job, job_slice: JobSlice) -> JobProgress | Unfinished:
        with made.current[job.integration].use() as integration:
            return reconcile(job, job_slice, integration=integration, events=events, guards=guards)

    return dict.fromkeys(made.refused, refused) | dict.fromkeys(made.current, run)


def recovery(made: IntegrationInstances, events: EventManager | None, jobs: JobQueue) -> Recovery:
    later: dict[str, datetime] = {}

    def recover() -> None:
        with ExitStack() as stack:
            integrations = {name: stack.enter_context(current.use()) for name, current in made.current.items()}
            recover_all(events, jobs, integrations, later=later)

    return recover


def prefix(settings: Settings) -> str:
    """Return what every key of ours begins with."""
    from qontract.adapters.redis.keys import keys_of

    return keys_of(settings.events.channel).prefix


def job_queue(settings: Settings, runners: Runners) -> "CeleryJobQueue":
    """Return the queue. Raises SystemExit if there is no key to sign jobs with."""
    from qontract.adapters.celery import CeleryJobQueue

    auth = settings.auth
    if auth.secret is None:
        raise SystemExit(f"qontract: QAPI_AUTH__SECRET: jobs are signed with a secret of at least {SECRET_BYTES} bytes")
    keys = [key.get_secret_value().encode() for key in (auth.secret, auth.previous_secret) if key]
    return CeleryJobQueue(
        settings.cache_broker_url.get_secret_value(),
        runners,
        prefix=prefix(settings),
        time_limit=settings.worker.time_limit,
        slice_seconds=settings.worker.slice_seconds,
        keys=keys,
    )


def job_admin(queue: "CeleryJobQueue") -> JobAdmin:
    return queue.kept
