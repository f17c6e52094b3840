"""One connection to Redis, for producers: any thread, any script."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock
from types import TracebackType
from typing import Any, Self, TypeVar

import redis
from cloudevents.core.base import BaseCloudEvent
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
from qontract.adapters.redis.connections import NotPrimaryError, pool
from qontract.adapters.redis.keys import intent_name, keys_of
from qontract.adapters.redis.lua_scripts import run_script_sync
from qontract.adapters.redis.write_durability import WriteDurability
from qontract.application.ports.event_sender import EncodedEvent
from qontract.application.ports.intents import INTENT_ID
from qontract.application.tracing import TRACEPARENT

BREAKER = Gauge(
    "qontract_redis_breaker_open",
    "1 while the breaker is open: Redis is not asked, for it did not answer",
    multiprocess_mode="mostrecent",
)

T = TypeVar("T")
_Command = tuple[str | bytes | int, ...]

REMEMBERED_SECONDS = 24 * 3600
"""How long an event that was published is known, so that sending it again changes nothing."""


class RedisBroker:
    """Publishes CloudEvents, on one long-lived connection a process that all threads share.

    `url` has one of the forms in docs/operations.md, "Where Redis is"; `timeout` bounds connecting and each answer, in
    seconds. Nothing is connected before the first event. A forked process gets a connection of its own. What is
    published is repeated once if the connection breaks, for Redis leaves out an event that it has seen.

    For `pause` seconds after Redis did not answer it is not asked, and what needs it fails at once (a circuit breaker).
    What is published has to be on as many replicas, or disks, as `durability` says, if that is given.
    """

    def __init__(
        self, url: str, *, timeout: float = 2.0, pause: float = 0.0, durability: WriteDurability | None = None
    ) -> None:
        self._durability = durability
        timeout += durability.seconds if durability else 0
        self._connect = partial(
            pool,
            url,
            timeout,
            retry=Retry(ExponentialBackoff(cap=0.1, base=0.05), 1, supported_errors=(redis.ConnectionError,)),
        )
        self._pause = pause
        self._begin()

    def _begin(self) -> None:
        """Begin in this process: neither the connection of the one that it was forked from, nor its locks."""
        self._pid = os.getpid()
        self._connection: Any = None
        self._in_use = Lock()
        self._breaker = CircuitBreaker(
            fail_max=1,
            reset_timeout=self._pause,
            exclude=[_answered],
            listeners=[_Shown()],
            throw_new_error_on_trip=False,
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
        if self._connection:
            self._connection.disconnect()
            self._connection = None

    def publish(self, event: Event | BaseCloudEvent, *, channel: str = "", stream: str = "") -> None:
        """Publish one event; see `publish_all`."""
        self.publish_all([event], channel=channel, stream=stream)

    def publish_all(self, events: Sequence[Event | BaseCloudEvent], *, channel: str = "", stream: str = "") -> None:
        """Add events, ours or the CloudEvents SDK's, to the stream and tell the channel's listeners, in one round trip.

        Either may be left out, but not both (ValueError). An event of an `id` and `source` that was published in the
        last day, to this channel and stream, is not repeated.

        Raises redis.RedisError: perhaps nothing was published, and perhaps all was, if the answer got lost; and
        NotDurableError if all was, and not on as many replicas, or disks, as it has to be.
        """
        ours = [event if isinstance(event, Event) else Event.from_sdk(event) for event in events]
        self.send(list(map(encode_event, ours)), channel=channel, stream=stream)

    def send(self, events: Sequence[EncodedEvent], *, channel: str = "", stream: str = "") -> None:
        """Publish events that are encoded, as `publish_all` does."""
        keys, arguments = publish_arguments(events, channel, stream)
        run_script_sync(self.write, "publish", keys, *arguments)

    def write(self, *command: str | bytes | int) -> Any:
        """Return Redis' answer to a command that writes, when what it wrote is on as many replicas as it has to be.

        Raises redis.RedisError: NotDurableError if it is not, in time.
        """
        if not self._durability:
            return self.command(*command)
        answer, *durable = self.command(*command, then=self._durability.commands())
        self._durability.judge(durable[-1])
        return answer

    def command(self, *command: str | bytes | int, probe: bool = False, then: Sequence[_Command] = ()) -> Any:
        """Return Redis' answer to a command; as a `probe`, ask also during a pause. Raises redis.RedisError.

        With more commands to give `then`, in the same round trip, return all answers; those may be errors.
        """
        if self._pid != os.getpid():
            self._begin()
        if probe and self._breaker.current_state == STATE_OPEN:
            self._breaker.half_open()
        try:
            return self._breaker.call(self._command, command, then)  # one at a time: it holds a lock meanwhile
        except CircuitBreakerError:
            raise redis.ConnectionError("Redis did not answer a moment ago, and is not asked for a while") from None

    def renew(self, command: _Command, then: _Command, read: Callable[[Any], T]) -> T:
        """Give two commands on a new connection, and return what `read` makes of the second answer.

        The first one names a key, for the node of a cluster that has it. The connection is used for everything from
        then on; if Redis does not answer, or `read` raises, the one before is. Raises redis.RedisError.
        """
        if self._pid != os.getpid():
            self._begin()
        if self._connection is None or self._breaker.current_state == STATE_OPEN:  # none, or one that is closed
            return read(_not_an_error(self.command(*command, then=[then])[1]))
        connection: Any = self._connect().make_connection()
        try:
            found = read(_not_an_error(_exchange(connection, command, [then])[1]))
        except BaseException:
            connection.disconnect()
            raise
        with self._in_use:
            before, self._connection = self._connection, connection
        if before:
            before.disconnect()
        return found

    def _command(self, command: _Command, then: Sequence[_Command]) -> Any:
        try:
            with self._in_use:
                if self._connection is None:  # a bare one: a client takes as long as all that is done here
                    self._connection = self._connect().make_connection()
                return _exchange(self._connection, command, then)
        except redis.RedisError:
            raise
        except (ValueError, TypeError) as error:  # of the URL: a host or an option that cannot be one
            raise redis.ConnectionError(f"{type(error).__name__}: {error}") from None
        except BaseException:  # in the middle: the next answer would be that of this command
            self.close()
            raise


def _exchange(connection: Any, command: _Command, then: Sequence[_Command]) -> Any:
    return connection.retry.call_with_retry(
        lambda: _exchange_all(connection, [command, *then]) if then else _exchange_one(connection, command),
        lambda _: connection.disconnect(),
    )


def _exchange_one(connection: Any, command: _Command) -> Any:
    connection.send_command(*command)
    return connection.read_response()


def _exchange_all(connection: Any, commands: Sequence[_Command]) -> list[Any]:
    connection.send_packed_command(connection.pack_commands(commands))
    answers: list[Any] = []
    for _ in commands:
        try:
            answers.append(connection.read_response())
        except redis.ResponseError as error:
            answers.append(error)
    if isinstance(answers[0], redis.ResponseError):
        raise answers[0]
    return answers


def _not_an_error(answer: Any) -> Any:
    if isinstance(answer, redis.RedisError):
        raise answer
    return answer


def encode_event(event: Event) -> EncodedEvent:
    """Return the event as it goes out."""
    extensions = event.model_extra or {}
    trace, intent_id = (_text(extensions.get(name)) for name in (TRACEPARENT, INTENT_ID))
    return EncodedEvent(event.source, event.id, event.type, event.to_json(), trace, intent_id)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def publish_arguments(
    events: Sequence[EncodedEvent], channel: str, stream: str, *, history: bool = False
) -> tuple[list[str], list[str | bytes | int]]:
    """Return the keys and the arguments of the script that publishes the events, and says which `history` has them.

    Raises ValueError if they would go nowhere.
    """
    if not channel and not stream:
        raise ValueError("events would go nowhere: name a channel, a stream, or both")
    keys = keys_of(channel, stream)
    prefix = keys.published(stream)
    marks = [f"{prefix}{intent_name(event.source, event.id)}" for event in events]
    name_at = len(prefix.encode()) + 1
    arguments: list[str | bytes | int] = [int(bool(stream)), channel, REMEMBERED_SECONDS, name_at, int(history)]
    for event in events:
        arguments += (event.content, event.type)
    arguments += [intent_name(event.source, event.intent_id) for event in events if event.intent_id]
    return [stream or keys.intents, keys.intents, *marks], arguments  # an empty key would be in another slot


def _answered(error: BaseException) -> bool:
    """Say whether Redis is there; it may have refused, as one does that is not the primary."""
    return isinstance(error, NotPrimaryError) or not isinstance(
        error, redis.ConnectionError | redis.TimeoutError | OSError
    )


class _Shown(CircuitBreakerListener):
    def state_change(self, cb: CircuitBreaker, old_state: CircuitBreakerState | None, new_state: Any) -> None:  # noqa: ARG002 - pybreaker's
        BREAKER.set(new_state.name != STATE_CLOSED)
