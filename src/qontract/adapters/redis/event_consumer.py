"""Runs the subscriptions from the stream, each as a consumer group of its own.

This is the one place that reads with redis-py and not with FastStream, whose stream subscriber makes its groups at the
end of the stream, never gets back what another replica had read, and stops for good when the stream disappears.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from time import monotonic
from typing import Any

import anyio
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from structlog.contextvars import bound_contextvars

from qontract.adapters.cloudevents import Event, from_cloudevent
from qontract.adapters.redis.lease import Lease
from qontract.application.subscriptions import Subscription
from qontract.domain.events import DomainEvent

log = logging.getLogger(__name__)

HANDLED = Counter("qontract_events_handled_total", "Events that a handler finished", ["subscription"])
FAILED = Counter("qontract_events_failed_total", "Events that could not be read or handled", ["subscription"])

_Entry = tuple[bytes, dict[bytes, bytes] | None]


class RedisEventConsumer:
    """Gives every event of the stream to each subscription that wants it, in order, from the first that is kept.

    Of several replicas one holds a subscription's lease and works; another takes over within `lease_seconds` of its
    death, and begins with what it had not acknowledged. An event is acknowledged after its handler returned. One
    whose handler failed is tried again after `retry_seconds`, while later ones go on.

    `connect` returns a client that reconnects by itself; its socket time-out is longer than a second.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Redis]],
        subscriptions: Iterable[Subscription],
        *,
        prefix: str,
        stream: str,
        replica: str,
        batch: int = 100,
        lease_seconds: float = 15,
        retry_seconds: float = 30,
    ) -> None:
        self._connect = connect
        self._prefix = prefix
        self._stream = stream
        self._replica = replica
        self._batch = batch
        self._lease_seconds = lease_seconds
        self._retry_seconds = retry_seconds
        self._progress = {subscription: monotonic() for subscription in subscriptions}
        self._stopping = False

    async def run(self) -> None:
        """Run until `stop`; what goes wrong with Redis or a handler is logged, and tried again."""
        async with anyio.create_task_group() as group:
            for subscription in self._progress:
                group.start_soon(self._keep_following, subscription)

    def stop(self) -> None:
        """Let `run` end when the handlers that are at work have finished."""
        self._stopping = True

    def stalled(self, seconds: float) -> list[str]:
        """Return the names of the subscriptions that have neither read nor handled anything for so long."""
        return [subscription.name for subscription, at in self._progress.items() if monotonic() - at > seconds]

    async def _keep_following(self, subscription: Subscription) -> None:
        failing = False
        while not self._stopping:
            try:
                await self._follow(subscription)
                failing = False
            except* (RedisError, OSError) as errors:
                if not failing:
                    log.warning("interrupted", extra={"subscription": subscription.name, "error": _first_line(errors)})
                failing = True
                await anyio.sleep(1)

    async def _follow(self, subscription: Subscription) -> None:
        """Work for as long as the lease is held; without it, wait a moment."""
        redis = await self._connect()
        lease = Lease(redis, f"{self._prefix}lease:{subscription.name}", self._replica, self._lease_seconds)
        if not await lease.acquire():
            self._progress[subscription] = monotonic()
            await anyio.sleep(min(1, self._lease_seconds / 3))
            return
        async with lease.kept():
            await self._take_over(redis, subscription.name)
            cursor, retry_at = b"0", monotonic() + self._retry_seconds
            while not self._stopping:
                entries = await self._read(redis, subscription.name, cursor)
                self._progress[subscription] = monotonic()
                await self._handle_all(redis, subscription, entries)
                if cursor != b">":
                    cursor = entries[-1][0] if entries else b">"
                elif monotonic() > retry_at:
                    cursor, retry_at = b"0", monotonic() + self._retry_seconds

    async def _take_over(self, redis: Redis, group: str) -> None:
        """Make the group if need be, from the first event kept, and own all that it has not acknowledged."""
        with suppress(ResponseError):  # BUSYGROUP: it is there
            await redis.xgroup_create(self._stream, group, id="0", mkstream=True)
        claimed: Any = True
        last = "0"
        while claimed:
            claimed = await redis.xautoclaim(
                self._stream, group, self._replica, min_idle_time=0, start_id=f"({last}", count=1000, justid=True
            )
            last = claimed[-1].decode() if claimed else last

    async def _read(self, redis: Redis, group: str, cursor: bytes) -> list[_Entry]:
        """Return the next entries after the cursor that are not acknowledged; for `>`, wait a second for new ones."""
        streams: Any = await redis.xreadgroup(
            group, self._replica, {self._stream: cursor}, count=self._batch, block=1000 if cursor == b">" else None
        )
        return [entry for _, entries in streams or () for entry in entries]

    async def _handle_all(self, redis: Redis, subscription: Subscription, entries: list[_Entry]) -> None:
        done: list[bytes] = []
        try:
            for entry_id, fields in entries:
                if self._stopping:
                    break
                if await self._handle(subscription, entry_id, fields):
                    done.append(entry_id)
                self._progress[subscription] = monotonic()
        finally:
            if done:
                with anyio.CancelScope(shield=True):
                    await redis.xack(self._stream, subscription.name, *done)

    async def _handle(self, subscription: Subscription, entry_id: bytes, fields: dict[bytes, bytes] | None) -> bool:
        """Say whether the entry is done with: handled, not wanted, or gone from the stream."""
        if not fields:
            log.warning(
                "event is no longer in the stream", extra={"subscription": subscription.name, "entry": entry_id}
            )
            return True
        with bound_contextvars(subscription=subscription.name):
            try:
                event = from_cloudevent(Event.from_json(fields[b"__data__"]))
            except (KeyError, ValueError) as error:
                FAILED.labels(subscription.name).inc()
                log.error("event cannot be read", extra={"entry": entry_id, "error": _first_line(error)})  # noqa: TRY400
                return False
            return not subscription.wants(event.type) or await _run(subscription, event)


async def _run(subscription: Subscription, event: DomainEvent) -> bool:
    with bound_contextvars(event_id=event.id, event_type=event.type, correlation_id=event.correlation_id):
        try:
            await subscription.handler.handle(event)
        except Exception:
            FAILED.labels(subscription.name).inc()
            log.exception("handler failed")
            return False
        HANDLED.labels(subscription.name).inc()
        log.info("handled")
        return True


def _first_line(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}".splitlines()[0]
