"""One connection to Redis, for producers: any thread, any script."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import redis
from prometheus_client import Gauge
from pybreaker import (
    STATE_CLOSED,
    STATE_OPEN,
    CircuitBreaker,
    CircuitBreakerError,
    CircuitBreakerListener,
    CircuitBreakerState,
)
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from qontract.adapters.cloudevents import Event

BREAKER = Gauge(
    "qontract_redis_breaker_open", "1 while Redis is not asked, for it did not answer", multiprocess_mode="mostrecent"
)

REMEMBERED_SECONDS = 24 * 3600
"""How long an event that was published is known, so that sending it again changes nothing."""

# KEYS: the stream, the intents, then for each event the mark that it was published. ARGV: the channel, how long a mark
# stays, where in a mark the name of the event's intent begins, then the events. A script and not MULTI: what is known
# already is left out, and Redis parses one command, not several.
_PUBLISH = """
local intents = redis.call('EXISTS', KEYS[2]) == 1
for i = 4, #ARGV do
  if redis.call('SET', KEYS[i - 1], '', 'NX', 'EX', ARGV[2]) then
    if KEYS[1] ~= '' then redis.call('XADD', KEYS[1], '*', '__data__', ARGV[i]) end
    if ARGV[1] ~= '' then redis.call('PUBLISH', ARGV[1], ARGV[i]) end
  end
  if intents then redis.call('HDEL', KEYS[2], string.sub(KEYS[i - 1], ARGV[3])) end
end
"""


class RedisBroker:
    """Publishes CloudEvents, on one long-lived connection a process that all threads share.

    `url` is `redis://`, `rediss://` or `unix://`; `timeout` bounds connecting and each answer, in seconds. Nothing is
    connected before the first event. A forked process gets a connection of its own. What is published is
    repeated once if the connection breaks, for Redis leaves out an event that it has seen.

    For `pause` seconds after Redis did not answer it is not asked, and what needs it fails at once (a circuit breaker).
    """

    def __init__(self, url: str, *, timeout: float = 2.0, pause: float = 0.0) -> None:
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=1,
            timeout=timeout,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(ExponentialBackoff(cap=0.1, base=0.05), 1, supported_errors=(redis.ConnectionError,)),
        )
        self._redis = redis.Redis.from_pool(pool)
        self._publish = self._redis.register_script(_PUBLISH)
        self._breaker = CircuitBreaker(
            fail_max=1, reset_timeout=pause, exclude=[_answered], listeners=[_Shown()], throw_new_error_on_trip=False
        )

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

        Either may be left out. An event of an `id` and `source` that was published in the last day is not repeated.

        Raises redis.RedisError: perhaps nothing was published, and perhaps all was, if the answer got lost.
        """
        prefix = f"{key_prefix(channel)}published:"
        keys = [stream, intents_key(channel), *(f"{prefix}{intent_name(event.source, event.id)}" for event in events)]
        args = [channel, REMEMBERED_SECONDS, len(prefix.encode()) + 1, *(event.to_json() for event in events)]
        self._ask(self._publish, keys=keys, args=args)

    def command(self, *command: str, probe: bool = False) -> Any:
        """Return Redis' answer to a command; as a `probe`, ask also during a pause. Raises redis.RedisError."""
        if probe and self._breaker.current_state == STATE_OPEN:
            self._breaker.half_open()
        return self._ask(self._redis.execute_command, *command)

    def _ask(self, ask: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return self._breaker.call(ask, *args, **kwargs)
        except CircuitBreakerError:
            raise redis.ConnectionError("Redis did not answer a moment ago, and is not asked for a while") from None


def key_prefix(channel: str) -> str:
    """Return what all keys begin with; the braces keep them in one slot of a cluster."""
    return f"qontract:{{{channel}}}:"


def intents_key(channel: str) -> str:
    """Return the hash that has the intents: the events of actions that are about to be applied."""
    return f"{key_prefix(channel)}intents"


def intent_name(source: str, event_id: str) -> str:
    """Return the field of an event in that hash."""
    return f"{source}:{event_id}"


def _answered(error: BaseException) -> bool:
    """Say whether Redis is there; it may have refused."""
    return not isinstance(error, redis.ConnectionError | redis.TimeoutError | OSError)


class _Shown(CircuitBreakerListener):
    def state_change(self, cb: CircuitBreaker, old_state: CircuitBreakerState | None, new_state: Any) -> None:  # noqa: ARG002 - pybreaker's
        BREAKER.set(new_state.name != STATE_CLOSED)
