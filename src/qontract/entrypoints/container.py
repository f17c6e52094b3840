"""The composition root: the one place that knows which adapter stands behind each port."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import cache, partial
from os import getpid
from secrets import token_hex
from socket import gethostname
from typing import TYPE_CHECKING, Any

from dependency_injector import containers, providers

from qontract.application import slack_usergroups
from qontract.application.event_manager import EventManager
from qontract.application.jobs import Runners
from qontract.application.ports.dead_letters import DeadLetters
from qontract.application.ports.event_format import EventFormat
from qontract.application.ports.event_log import Measures
from qontract.application.ports.event_logs import EventLogs
from qontract.application.ports.job_queue import JobQueue
from qontract.application.ports.slack_workspaces import SlackWorkspaces
from qontract.application.recovery import sweep
from qontract.entrypoints.settings import Settings, load_settings

if TYPE_CHECKING:  # a process imports only the adapters that it makes: it starts the sooner
    from faststream.redis import RedisBroker as FastStreamBroker

    from qontract.adapters.celery import CeleryJobQueue

Sweep = Callable[[], None]
"""Sends what is spooled, and settles what dead runs have left in doubt."""


def _event_manager(settings: Settings) -> EventManager | None:
    """Return the event manager. A Redis that does not answer takes half a second, every quarter of a minute."""
    from qontract.adapters.memory import InMemoryEventPublisher
    from qontract.adapters.redis import RedisBroker, RedisEventPublisher, RedisIntents
    from qontract.adapters.sqlite import SqliteEventSpool

    events = settings.events
    if not events.enabled:
        return None
    if events.backend == "memory":
        return EventManager(InMemoryEventPublisher(source=events.source))
    broker = RedisBroker(settings.cache_broker_url.get_secret_value(), timeout=0.5, pause=15)
    return EventManager(
        RedisEventPublisher(broker, channel=events.channel, stream=events.stream, source=events.source),
        spool=SqliteEventSpool(events.spool, max_bytes=events.spool_max_bytes),
        intents=RedisIntents(broker, channel=events.channel, source=events.source),
    )


def _slack_workspaces(settings: Settings) -> SlackWorkspaces:
    from qontract.adapters.slack import SlackApiWorkspaces

    tokens = {workspace: token.get_secret_value() for workspace, token in settings.slack.tokens.items()}
    return SlackApiWorkspaces(tokens, api_url=settings.slack.api_url, timeout=settings.slack.timeout)


def _runners(workspaces: SlackWorkspaces, events: EventManager | None) -> Runners:
    return {slack_usergroups.INTEGRATION: partial(slack_usergroups.reconcile, workspaces=workspaces, events=events)}


def _sweep(
    settings: Settings, workspaces: SlackWorkspaces, events: EventManager | None, jobs: JobQueue
) -> Sweep | None:
    """Return what a worker does again and again, if events are enabled."""
    if events is None:
        return None
    recoveries = {slack_usergroups.INTEGRATION: partial(slack_usergroups.recover, workspaces=workspaces, events=events)}
    in_doubt_after = timedelta(seconds=2 * settings.slack.timeout)
    return partial(sweep, events, jobs, recoveries, in_doubt_after=in_doubt_after, later={})


def _prefix(settings: Settings) -> str:
    """Return what every key of ours begins with."""
    from qontract.adapters.redis.keys import keys_of

    return keys_of(settings.events.channel).prefix


def _job_queue(settings: Settings, runners: Runners) -> "CeleryJobQueue":
    from qontract.adapters.celery import CeleryJobQueue

    return CeleryJobQueue(
        settings.cache_broker_url.get_secret_value(),
        runners,
        prefix=_prefix(settings),
        time_limit=settings.worker.time_limit,
    )


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
    from qontract.adapters.memory import InMemoryDeadLetters
    from qontract.adapters.redis import RedisDeadLetters

    if settings.events.backend == "memory":
        return InMemoryDeadLetters()
    return RedisDeadLetters(settings.cache_broker_url.get_secret_value(), prefix=_prefix(settings))


def _asyncapi(settings: Settings) -> dict[str, Any]:
    from qontract.adapters.cloudevents import asyncapi

    events = settings.events
    return asyncapi(channel=events.channel, stream=events.stream, source=events.source)


class Container(containers.DeclarativeContainer):
    """One of each thing that a process needs, made when it is first asked for."""

    settings = providers.Singleton(load_settings)
    event_manager = providers.Singleton(_event_manager, settings)
    slack_workspaces = providers.Singleton(_slack_workspaces, settings)
    runners = providers.Singleton(_runners, slack_workspaces, event_manager)
    job_queue = providers.Singleton(_job_queue, settings, runners)
    sweep = providers.Singleton(_sweep, settings, slack_workspaces, event_manager, job_queue)
    faststream_broker = providers.Singleton(_faststream_broker, settings)
    replica = providers.Singleton(_replica)
    event_logs = providers.Factory(_event_logs, settings, replica, faststream_broker)
    delivery_event_logs = providers.Factory(
        _event_logs, settings, replica, providers.Factory(_faststream_broker, settings)
    )
    measure = providers.Singleton(_measure, settings)
    event_format = providers.Singleton(_event_format, settings)
    dead_letters = providers.Singleton(_dead_letters, settings)
    asyncapi = providers.Singleton(_asyncapi, settings)


@cache
def get_container() -> Container:
    """Return the container of this process."""
    return Container()


def get_event_manager() -> EventManager | None:
    """Return the event manager of this process; None if events are disabled."""
    manager: EventManager | None = get_container().event_manager()
    return manager
