"""Redis: each event goes to a stream, which keeps it, and to a channel, for who listens."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import redis
from prometheus_client import Counter

from qontract.adapters.cloudevents import to_cloudevent
from qontract.adapters.redis.broker import RedisBroker
from qontract.application import tracing
from qontract.application.ports.event_publisher import EventPublisher, EventPublisherError
from qontract.domain.events import DomainEvent

PUBLISHED = Counter("qontract_events_published_total", "Events that were published: Redis accepted them")
NOT_PUBLISHED = Counter(
    "qontract_events_not_published_total",
    "Events that were not published when they were new: Redis did not accept them, or not surely",
)


class RedisEventPublisher(EventPublisher):
    """Publishes through the broker. An empty `stream` keeps nothing, and leaves the live channel alone."""

    def __init__(self, broker: RedisBroker, *, channel: str, stream: str, source: str) -> None:
        self._broker = broker
        self._channel = channel
        self._stream = stream
        self._source = source

    def publish(self, events: Sequence[DomainEvent]) -> None:
        """Publish all the events in one atomic round trip."""
        if not events:
            return
        with counted(events, self._stream or self._channel):
            self._broker.publish_all(
                [to_cloudevent(event, self._source) for event in events], channel=self._channel, stream=self._stream
            )


@contextmanager
def counted(events: Sequence[DomainEvent], destination: str) -> Iterator[None]:
    """Count the events as published, unless something goes wrong: then EventPublisherError is raised for it."""
    causes = (event.extensions.get(tracing.TRACEPARENT) for event in events)
    try:
        with tracing.publishing(destination, causes, len(events)):
            yield
    except (redis.RedisError, OSError, ValueError) as error:
        refused = isinstance(error, ValueError)
        raise EventPublisherError(f"{type(error).__name__}: {error}", refused=refused) from error
    PUBLISHED.inc(len(events))
