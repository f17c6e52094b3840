"""Redis: one connection to the stream, for all subscriptions of an event loop."""

from collections.abc import Mapping
from typing import Any, Self

from faststream.redis import RedisBroker
from redis.asyncio import Redis

from qontract.adapters.redis import wrong_type_keys
from qontract.adapters.redis.async_event_publisher import RedisAsyncEventPublisher, Remember
from qontract.adapters.redis.errors import translate_event_log_errors
from qontract.adapters.redis.event_log import RedisEventLog
from qontract.adapters.redis.keys import keys_of
from qontract.adapters.redis.stream import retention
from qontract.adapters.redis.stream.measures import measures_of_all
from qontract.adapters.redis.stream.read_ahead import ReadAheadCache
from qontract.adapters.redis.stream.shared_waits import SharedWaits
from qontract.application.ports.event_handler import EventHandler
from qontract.application.ports.event_log import EventLog, Measures
from qontract.application.ports.event_log_connection import EventLogConnection, Trimmed


class RedisEventLogConnection(EventLogConnection):
    """The stream, on the connection of a FastStream broker, which is not shared with another event loop.

    `replica` is the name of this process among those that read. What its replica has shown no sign of working on for
    `claim_seconds` is claimed. `remember` gets what is published.
    """

    def __init__(
        self,
        broker: RedisBroker,
        *,
        replica: str,
        channel: str,
        stream: str,
        source: str,
        claim_seconds: float,
        remember: Remember | None = None,
    ) -> None:
        self._broker = broker
        self._replica = replica
        self._channel = channel
        self._keys = keys_of(channel, stream)
        self._source = source
        self._claim_seconds = claim_seconds
        self._remember = remember

    async def __aenter__(self) -> Self:
        """Make the client; it connects when it is first used, and again when that is lost."""
        self._redis: Redis = await self._broker.connect()
        self._shared_waits = SharedWaits(self._redis, self._keys.stream)
        self._read_ahead = ReadAheadCache(self._redis, self._keys.stream)
        self.publisher = RedisAsyncEventPublisher(
            self._redis,
            channel=self._channel,
            stream=self._keys.stream,
            source=self._source,
            remember=self._remember,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connection."""
        await self._broker.stop()

    def of(self, subscription: str, handler: EventHandler[Any]) -> EventLog:
        """Return the view of a subscription."""
        return RedisEventLog(
            self._redis,
            self._keys,
            subscription=subscription,
            replica=self._replica,
            types=handler.types,
            shared=handler.policy.shared,
            claim_seconds=self._claim_seconds,
            shared_waits=self._shared_waits,
            read_ahead=self._read_ahead,
            max_attempts=handler.policy.max_attempts,
        )

    async def show_alive(self, subscriptions: tuple[str, ...]) -> None:
        """Note the server's time for each subscription; before, set aside what is in the place of keys of ours."""
        try:
            longest = max(wrong_type_keys.MAX_LEASE, 20 * self._claim_seconds)
            await wrong_type_keys.set_wrong_keys_aside(self._redis, self._keys, subscriptions, max_lease=longest)
        finally:
            await retention.show_alive(self._redis, self._keys, *subscriptions)

    async def trim(self, retention_seconds: float, abandoned_seconds: float) -> Trimmed:
        """Trim the stream."""
        return await retention.trim(
            self._redis, self._keys, retention_seconds=retention_seconds, abandoned_seconds=abandoned_seconds
        )

    async def measures(self) -> Mapping[str, Measures]:
        """Measure each group of the stream."""
        return await measures_of_all(self._redis, self._keys, 2 * self._claim_seconds)

    async def evicting_policy(self) -> str:
        """Ask for maxmemory-policy."""
        with translate_event_log_errors():
            return await retention.evicting_policy(self._redis)
