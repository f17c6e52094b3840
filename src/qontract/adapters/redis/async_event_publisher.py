"""Redis: what handlers publish goes the way of all events, on the connections of their event loop."""

from collections.abc import Callable, Sequence

from redis.asyncio import Redis

from qontract.adapters.redis.broker import publish_arguments
from qontract.adapters.redis.event_publisher import count_published, encode
from qontract.adapters.redis.lua_scripts import run_script
from qontract.application.ports.async_event_publisher import AsyncEventPublisher
from qontract.application.ports.event_sender import EncodedEvent
from qontract.domain.events import DomainEvent

Remember = Callable[[Sequence[EncodedEvent], str], None]
"""Remembers published events, and the history of the server's data that has them; see `FailoverReplay.remember`."""


class RedisAsyncEventPublisher(AsyncEventPublisher):
    """Publishes through a client of the event loop. An empty `stream` keeps nothing, and leaves the live channel alone.

    How long it takes is up to the client: its socket time-out, and how often it tries again. `remember` gets what was
    published.
    """

    def __init__(
        self, redis: Redis, channel: str, stream: str, source: str, *, remember: Remember | None = None
    ) -> None:
        self._redis = redis
        self._channel = channel
        self._stream = stream
        self._source = source
        self._remember = remember

    async def publish(self, events: Sequence[DomainEvent]) -> None:
        """Publish all the events in one atomic round trip."""
        if not events:
            return
        outgoing = encode(events, self._source)
        with count_published(outgoing, self._stream or self._channel):
            keys, arguments = publish_arguments(
                outgoing, self._channel, self._stream, history=self._remember is not None
            )
            history = await run_script(self._redis, "publish", keys, *arguments)
        if self._remember:
            self._remember(outgoing, history.decode())
