"""One connection to Redis, for producers: any thread, any script."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from qontract.adapters.cloudevents import Event

REMEMBERED_SECONDS = 3600
"""How long an event that was published is known, so that sending it again changes nothing."""

# KEYS: the stream, then for each event the mark that it was published. ARGV: the channel, how long a mark stays, then
# the events. A script and not MULTI: what is known already is left out, and Redis parses one command, not several.
_PUBLISH = """
for i = 3, #ARGV do
  if redis.call('SET', KEYS[i - 1], '', 'NX', 'EX', ARGV[2]) then
    if KEYS[1] ~= '' then redis.call('XADD', KEYS[1], '*', '__data__', ARGV[i]) end
    if ARGV[1] ~= '' then redis.call('PUBLISH', ARGV[1], ARGV[i]) end
  end
end
"""


class RedisBroker:
    """Publishes CloudEvents, on one long-lived connection a process that all threads share.

    `url` is `redis://`, `rediss://` or `unix://`; `timeout` bounds connecting and each answer, in seconds. Nothing is
    connected before the first event. A forked process gets a connection of its own. What is published is
    repeated once if the connection breaks, for Redis leaves out an event that it has seen.
    """

    def __init__(self, url: str, *, timeout: float = 2.0) -> None:
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=1,
            timeout=timeout,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(ExponentialBackoff(cap=0.1, base=0.05), 1),
        )
        self._redis = redis.Redis.from_pool(pool)
        self._publish = self._redis.register_script(_PUBLISH)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection. Publishing again opens a new one."""
        self._redis.connection_pool.disconnect()

    def publish(self, event: Event, *, channel: str = "", stream: str = "") -> None:
        """Publish one event; see `publish_all`."""
        self.publish_all([event], channel=channel, stream=stream)

    def publish_all(self, events: Sequence[Event], *, channel: str = "", stream: str = "") -> None:
        """Add the events to the stream and tell the channel's listeners, in one atomic round trip.

        Either may be left out. An event of an `id` and `source` that was published in the last hour is not repeated.

        Raises redis.RedisError: perhaps nothing was published, and perhaps all was, if the answer got lost.
        """
        marks = [f"qontract:{{{channel}}}:published:{event.source}:{event.id}" for event in events]
        self._publish(keys=[stream, *marks], args=[channel, REMEMBERED_SECONDS, *(e.to_json() for e in events)])
