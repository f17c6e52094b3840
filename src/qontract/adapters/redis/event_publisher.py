"""Redis: each event goes to a stream, which keeps it, and to a channel, for who listens."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import redis
from prometheus_client import Counter

from qontract.adapters.cloudevents import to_cloudevent
from qontract.adapters.redis.broker import RedisBroker, encode_event
from qontract.adapters.redis.write_durability import NotDurableError
from qontract.application import tracing
from qontract.application.ports.event_publisher import EventPublisher, EventPublisherError
from qontract.application.ports.event_sender import EncodedEvent, EventSender
from qontract.domain.events import DomainEvent

PUBLISHED = Counter("qontract_events_published_total", "Events that were published: Redis accepted them")
NOT_PUBLISHED = Counter(
    "qontract_events_not_published_total",
    "Events that were not published when they were new: Redis did not accept them, or not surely",
)


class RedisEventPublisher(EventPublisher, EventSender):
    """Publishes through the broker. An empty `stream` keeps nothing, and leaves the live channel alone."""

    def __init__(self, broker: RedisBroker, *, channel: str, stream: str, source: str) -> None:
        self._broker = broker
        self._channel = channel
        self._stream = stream
        self._source = source

    def publish(self, events: Sequence[DomainEvent]) -> None:
        """Publish all the events in one atomic round trip."""
        self.send(self.encode(events))

    def encode(self, events: Sequence[DomainEvent]) -> Sequence[EncodedEvent]:
        """Return the events as they go out."""
        return encode(events, self._source)

    def send(self, events: Sequence[EncodedEvent]) -> None:
        """Publish all the events in one atomic round trip."""
        if not events:
            return
        with count_published(events, self._stream or self._channel):
            self._broker.send(events, channel=self._channel, stream=self._stream)


def encode(events: Sequence[DomainEvent], source: str) -> Sequence[EncodedEvent]:
    """Return the events as they go out. Raises EventPublisherError for one that is no CloudEvent."""
    try:
        return [encode_event(to_cloudevent(event, source)) for event in events]
    except ValueError as error:
        raise EventPublisherError(f"{type(error).__name__}: {error}", refused=True) from error


@contextmanager
def count_published(events: Sequence[EncodedEvent], destination: str) -> Iterator[None]:
    """Count the events as published, if they are. EventPublisherError is raised for whatever goes wrong."""
    causes = (event.traceparent for event in events)
    try:
        with tracing.publishing(destination, causes, len(events)):
            yield
    except NotDurableError as error:
        PUBLISHED.inc(len(events))
        raise EventPublisherError(str(error), unreplicated=True) from error
    except (redis.RedisError, OSError, ValueError) as error:
        refused = isinstance(error, ValueError)
        raise EventPublisherError(f"{type(error).__name__}: {error}", refused=refused) from error
    PUBLISHED.inc(len(events))
