"""What reads the kept events and gives them to handlers, from the settings."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from os import getpid
from secrets import token_hex
from socket import gethostname
from typing import TYPE_CHECKING, Any

from qontract.application.failover_replay import FailoverReplay
from qontract.application.ports.event_format import EventFormat
from qontract.application.ports.event_log import Measures
from qontract.application.ports.event_log_connection import EventLogConnection
from qontract.entrypoints.settings import Settings

if TYPE_CHECKING:  # a process imports only the adapters that it makes: it starts the sooner
    from faststream.redis import RedisBroker as FastStreamBroker


def faststream_broker(settings: Settings) -> "FastStreamBroker":
    from qontract.adapters.redis.faststream import faststream_broker

    return faststream_broker(settings.events_url, source=settings.events.source)


def replica() -> str:
    """Return the name of this process among the replicas of the subscriber."""
    return f"{gethostname()}-{getpid()}-{token_hex(2)}"


def event_log_connection(
    settings: Settings, replica: str, broker: "FastStreamBroker", window: FailoverReplay | None = None
) -> EventLogConnection:
    """Return a view of the kept events on the connection of this broker, for the event loop that uses it.

    The window remembers what is published there.
    """
    from qontract.adapters.redis.event_log_connection import RedisEventLogConnection

    return RedisEventLogConnection(
        broker,
        replica=replica,
        channel=settings.events.channel,
        stream=settings.events.stream,
        source=settings.events.source,
        claim_seconds=settings.subscriber.claim_seconds,
        remember=window.remember if window else None,
    )


def measure(settings: Settings) -> Callable[[], Awaitable[Mapping[str, Measures]]] | None:
    """Return what says how far every subscription has come; None if no event is kept."""
    from qontract.adapters.redis.stream.measures import measure

    events = settings.events
    if not events.stream:
        return None
    return partial(measure, settings.events_url, channel=events.channel, stream=events.stream)


def event_format(settings: Settings) -> EventFormat:
    from qontract.adapters.cloudevents import CloudEventsEventFormat

    return CloudEventsEventFormat(settings.events.source)


def asyncapi(settings: Settings) -> dict[str, Any]:
    from qontract.adapters.cloudevents import asyncapi

    events = settings.events
    return asyncapi(channel=events.channel, stream=events.stream, source=events.source)
