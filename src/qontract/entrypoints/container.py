"""The composition root: the one place that knows which adapter stands behind each port."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from functools import cache, partial
from os import getpid
from secrets import token_hex
from socket import gethostname
from typing import TYPE_CHECKING, Any

from dependency_injector import containers, providers

from qontract.application.event_manager import EventManager
from qontract.application.guards import Guards
from qontract.application.job_steering import JobSteering
from qontract.application.jobs import Continues, Runners, Turn
from qontract.application.ports.dead_letters import DeadLetters
from qontract.application.ports.event_format import EventFormat
from qontract.application.ports.event_log import Measures
from qontract.application.ports.event_logs import EventLogs
from qontract.application.ports.job_queue import JobQueue
from qontract.application.ports.kept_events import KeptEvents
from qontract.application.ports.kept_jobs import KeptJobs
from qontract.application.ports.presence import Presence
from qontract.application.ports.redrive_runs import RedriveRuns
from qontract.application.ports.server_check import ServerCheck
from qontract.application.ports.tracer import Tracer
from qontract.application.reconcile import reconcile
from qontract.application.recovery import recover_all
from qontract.application.status import SystemStatus
from qontract.application.stories import Stories
from qontract.application.subscription_steering import Steering
from qontract.application.token_keys import TokenKeys
from qontract.application.why import Stores, Why
from qontract.domain.jobs import Job, JobProgress
from qontract.domain.processes import ProcessKind
from qontract.entrypoints.integrations import Made, load_integrations, make_integrations
from qontract.entrypoints.metrics import JWKS_FAILED
from qontract.entrypoints.packages import said
from qontract.entrypoints.renewal import revoked_ids
from qontract.entrypoints.settings import Settings, load_settings
from qontract.entrypoints.settings.groups import SECRET_BYTES
from qontract.entrypoints.settings.traces import wanted

if TYPE_CHECKING:  # a process imports only the adapters that it makes: it starts the sooner
    from faststream.redis import RedisBroker as FastStreamBroker

    from qontract.adapters.celery import CeleryJobQueue

log = logging.getLogger(__name__)

Recovery = Callable[[], None]
"""Runs again the jobs of dead workers, republishes what is spooled, and resolves the intents of dead runs."""


def _event_manager(settings: Settings) -> EventManager | None:
    """Return the event manager. A Redis that does not answer takes half a second, every quarter of a minute."""
    from qontract.adapters.redis import RedisBroker, RedisEventPublisher, RedisIntents
    from qontract.adapters.redis.event_publisher import NOT_PUBLISHED
    from qontract.adapters.sqlite import SqliteEventSpool

    events = settings.events
    if not events.enabled:
        return None
    broker = RedisBroker(settings.cache_broker_url.get_secret_value(), timeout=0.5, pause=15)
    return EventManager(
        RedisEventPublisher(broker, channel=events.channel, stream=events.stream, source=events.source),
        spool=SqliteEventSpool(events.spool, max_bytes=events.spool_max_bytes),
        intents=RedisIntents(broker, channel=events.channel, source=events.source),
        count_not_published=NOT_PUBLISHED.inc,
    )


def _tracer(service: str) -> Tracer | None:
    """Return what records spans, for a service of this name; None: OpenTelemetry's variables want none, or cannot be.

    Then the log says why.
    """
    try:
        if not wanted():
            return None
        from qontract.adapters.opentelemetry import OpenTelemetryTracer

        return OpenTelemetryTracer(service, everyones=True)
    except Exception as error:  # noqa: BLE001 - whatever the SDK raises: without traces, all else works
        log.warning("tracing left out", extra={"error": said(error)})
        return None


def _guards(settings: Settings) -> Guards:
    guards = settings.guards
    return Guards(guards.max_removal_share, guards.min_removals, guards.protected)


def _runners(made: Made, events: EventManager | None, guards: Guards) -> Runners:
    """Return what runs the jobs of each integration; of one that was refused, what says why."""

    def refused(job: Job, _: Turn) -> JobProgress:
        raise RuntimeError(f"the worker has no integration {job.integration!r}: {made.refused[job.integration]}")

    def run(job: Job, turn: Turn) -> JobProgress | Continues:
        with made.current[job.integration].use() as integration:
            return reconcile(job, turn, integration=integration, events=events, guards=guards)

    return dict.fromkeys(made.refused, refused) | dict.fromkeys(made.current, run)


def _recovery(made: Made, events: EventManager | None, jobs: JobQueue) -> Recovery:
    later: dict[str, datetime] = {}

    def recover() -> None:
        with ExitStack() as stack:
            integrations = {name: stack.enter_context(current.use()) for name, current in made.current.items()}
            recover_all(events, jobs, integrations, later=later)

    return recover


def _prefix(settings: Settings) -> str:
    """Return what every key of ours begins with."""
    from qontract.adapters.redis.keys import keys_of

    return keys_of(settings.events.channel).prefix


def _job_queue(settings: Settings, runners: Runners) -> "CeleryJobQueue":
    """Return the queue. Raises SystemExit if there is no key to sign jobs with."""
    from qontract.adapters.celery import CeleryJobQueue

    auth = settings.auth
    if auth.secret is None:
        raise SystemExit(f"qontract: QAPI_AUTH__SECRET: jobs are signed with a secret of at least {SECRET_BYTES} bytes")
    keys = [key.get_secret_value().encode() for key in (auth.secret, auth.previous_secret) if key]
    return CeleryJobQueue(
        settings.cache_broker_url.get_secret_value(),
        runners,
        prefix=_prefix(settings),
        time_limit=settings.worker.time_limit,
        slice_seconds=settings.worker.slice_seconds,
        keys=keys,
    )


def _kept_jobs(queue: "CeleryJobQueue") -> KeptJobs:
    return queue.kept


def _faststream_broker(settings: Settings) -> "FastStreamBroker":
    from qontract.adapters.redis.faststream import faststream_broker

    return faststream_broker(settings.cache_broker_url.get_secret_value(), source=settings.events.source)


def _replica() -> str:
    """Return the name of this process among the replicas of the subscriber."""
    return f"{gethostname()}-{getpid()}-{token_hex(2)}"


def _event_logs(settings: Settings, replica: str, broker: "FastStreamBroker") -> EventLogs:
    """Return a view of the kept events on the connection of this broker, for the event loop that uses it."""
    from qontract.adapters.redis.event_logs import RedisEventLogs

    return RedisEventLogs(
        broker,
        replica=replica,
        channel=settings.events.channel,
        stream=settings.events.stream,
        source=settings.events.source,
        claim_seconds=settings.subscriber.claim_seconds,
    )


def _measure(settings: Settings) -> Callable[[], Awaitable[Mapping[str, Measures]]] | None:
    """Return what says how far every subscription has come; None if no event is kept."""
    from qontract.adapters.redis.measures import measure

    events = settings.events
    if not events.stream:
        return None
    return partial(measure, settings.cache_broker_url.get_secret_value(), channel=events.channel, stream=events.stream)


def _event_format(settings: Settings) -> EventFormat:
    from qontract.adapters.cloudevents import CloudEventsEventFormat

    return CloudEventsEventFormat(settings.events.source)


def _dead_letters(settings: Settings) -> DeadLetters:
    from qontract.adapters.redis import RedisDeadLetters

    events = settings.events
    url = settings.cache_broker_url.get_secret_value()
    return RedisDeadLetters(url, channel=events.channel, stream=events.stream)


def _redrive_runs(settings: Settings) -> RedriveRuns:
    from qontract.adapters.redis import RedisRedriveRuns

    events = settings.events
    url = settings.cache_broker_url.get_secret_value()
    return RedisRedriveRuns(url, channel=events.channel, stream=events.stream)


def _asyncapi(settings: Settings) -> dict[str, Any]:
    from qontract.adapters.cloudevents import asyncapi

    events = settings.events
    return asyncapi(channel=events.channel, stream=events.stream, source=events.source)


def _kept_events(settings: Settings) -> KeptEvents:
    from qontract.adapters.redis import RedisKeptEvents

    return RedisKeptEvents(settings.cache_broker_url.get_secret_value(), stream=settings.events.stream)


def _token_keys(settings: Settings) -> TokenKeys | None:
    """Return the keys of who issues tokens; None if nobody does but us. Raises SystemExit if they cannot be used."""
    source = settings.auth.jwks
    if not source:
        return None
    try:
        from qontract.adapters.jwks import FileKeySet, key_set_at

        key_set = key_set_at(source)
    except (ImportError, ValueError) as error:
        raise SystemExit(f"qontract: QAPI_AUTH__JWKS: {said(error)}") from None
    fresh, pause = (2, 1) if isinstance(key_set, FileKeySet) else (300, 10)
    return TokenKeys(key_set, fresh=fresh, pause=pause, count_failure=JWKS_FAILED.inc)


def _steering(settings: Settings) -> Steering:
    from qontract.adapters.redis import RedisSubscriptions

    events, url = settings.events, settings.cache_broker_url.get_secret_value()
    subscriptions = RedisSubscriptions(url, channel=events.channel, stream=events.stream)
    return Steering(subscriptions, abandoned_seconds=settings.subscriber.abandoned_seconds)


def _why(settings: Settings, kept: KeptEvents, letters: DeadLetters, event_format: EventFormat) -> Why:
    from qontract.adapters.redis import RedisBroker, RedisDeliveryStates, RedisIntents, RedisSubscriptions
    from qontract.adapters.sqlite import SqliteEventSpool

    events, url = settings.events, settings.cache_broker_url.get_secret_value()
    stores = Stores(
        kept=kept,
        subscriptions=RedisSubscriptions(url, channel=events.channel, stream=events.stream),
        states=RedisDeliveryStates(url, channel=events.channel, stream=events.stream, source=events.source),
        letters=letters,
        event_format=event_format,
        spool=SqliteEventSpool(events.spool, max_bytes=events.spool_max_bytes),
        intents=RedisIntents(RedisBroker(url), channel=events.channel, source=events.source),
        machine=gethostname(),
    )
    return Why(stores)


def _presence(settings: Settings) -> Presence:
    from qontract.adapters.redis import RedisPresence

    return RedisPresence(settings.cache_broker_url.get_secret_value(), channel=settings.events.channel)


def _status(
    settings: Settings, presence: Presence, kept_jobs: Callable[[], KeptJobs], manager: EventManager | None
) -> SystemStatus:
    from qontract.adapters.redis import RedisServerInfo, RedisSubscriptions

    events, url = settings.events, settings.cache_broker_url.get_secret_value()
    kept = events.enabled and events.stream
    return SystemStatus(
        RedisServerInfo(url),
        presence,
        kept_jobs if settings.auth.secret else None,
        RedisSubscriptions(url, channel=events.channel, stream=events.stream, timeout=2) if kept else None,
        manager,
        spool=(gethostname(), str(events.spool)),
        needed=set(ProcessKind) - (set() if kept else {ProcessKind.SUBSCRIBER}),
        abandoned_seconds=settings.subscriber.abandoned_seconds,
    )


def _server_check(settings: Settings, process: str, *, writes: bool) -> ServerCheck:
    """Return what knows what the process needs of Redis; with `writes`, also that it can be written to."""
    from qontract.adapters.redis import RedisServerCheck
    from qontract.adapters.redis.acl import Process

    events, url = settings.events, settings.cache_broker_url.get_secret_value()
    return RedisServerCheck(url, Process(process), channel=events.channel, stream=events.stream, writes=writes)


def _acl(settings: Settings) -> Callable[[str, str], str]:
    """Return what makes the rule of a process for a user of Redis. It raises ValueError if there can be none."""
    from qontract.adapters.redis.acl import Process, rule

    events = settings.events
    return lambda process, user: rule(Process(process), channel=events.channel, stream=events.stream, user=user)


class Container(containers.DeclarativeContainer):
    """One of each thing that a process needs, made when it is first asked for."""

    settings = providers.Singleton(load_settings)
    tracer = providers.Factory(_tracer)
    event_manager = providers.Singleton(_event_manager, settings)
    installed_integrations = providers.Singleton(load_integrations)
    integrations = providers.Singleton(make_integrations, installed_integrations)
    guards = providers.Singleton(_guards, settings)
    job_queue = providers.Singleton(_job_queue, settings, providers.Object({}))
    runners = providers.Singleton(_runners, integrations, event_manager, guards)
    kept_jobs = providers.Singleton(_kept_jobs, job_queue)
    job_steering = providers.Singleton(JobSteering, kept_jobs)
    worker_job_queue = providers.Singleton(_job_queue, settings, runners)
    recovery = providers.Singleton(_recovery, integrations, event_manager, job_queue)
    faststream_broker = providers.Singleton(_faststream_broker, settings)
    replica = providers.Singleton(_replica)
    event_logs = providers.Factory(_event_logs, settings, replica, faststream_broker)
    delivery_event_logs = providers.Factory(
        _event_logs, settings, replica, providers.Factory(_faststream_broker, settings)
    )
    measure = providers.Singleton(_measure, settings)
    event_format = providers.Singleton(_event_format, settings)
    dead_letters = providers.Singleton(_dead_letters, settings)
    redrive_runs = providers.Singleton(_redrive_runs, settings)
    asyncapi = providers.Singleton(_asyncapi, settings)
    kept_events = providers.Singleton(_kept_events, settings)
    server_check = providers.Factory(_server_check, settings)
    acl = providers.Singleton(_acl, settings)
    steering = providers.Singleton(_steering, settings)
    revoked = providers.Singleton(revoked_ids, settings)
    token_keys = providers.Singleton(_token_keys, settings)
    presence = providers.Singleton(_presence, settings)
    status = providers.Singleton(_status, settings, presence, kept_jobs.provider, event_manager)
    why = providers.Singleton(_why, settings, kept_events, dead_letters, event_format)
    stories = providers.Singleton(Stories, why)
    stories_with_jobs = providers.Singleton(Stories, why, kept_jobs)


@cache
def get_container() -> Container:
    """Return the container of this process."""
    return Container()


def get_event_manager() -> EventManager | None:
    """Return the event manager of this process; None if events are disabled."""
    manager: EventManager | None = get_container().event_manager()
    return manager
