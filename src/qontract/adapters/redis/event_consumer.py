"""Runs the subscriptions of a process."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from time import monotonic

import anyio
from redis.asyncio import Redis
from redis.exceptions import RedisError

from qontract.adapters.redis import metrics
from qontract.adapters.redis.consumer_group import ConsumerGroup, LeaseLostError
from qontract.adapters.redis.following import Following, Limits
from qontract.adapters.redis.lease import Lease
from qontract.adapters.redis.retention import evicting_policy, show_life, trim
from qontract.application.subscriptions import Subscription

log = logging.getLogger(__name__)

_TRIM_SECONDS = 10


class RedisEventConsumer:
    """Gives every event of the stream to each subscription that wants it, from the first that is kept.

    An event is acknowledged when its handler has returned, or when it is in the dead letters. An ordered subscription
    is worked on by the replica that holds its lease; a shared one, by all. What a dead replica had read is taken over
    within `take_over_seconds`. `batch` entries are read at once, and up to `in_flight` held, for each subscription.

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
        in_flight: int = 1000,
        take_over_seconds: float = 30,
        grace_seconds: float = 20,
        retention_seconds: float = 7 * 24 * 3600,
        abandoned_seconds: float = 14 * 24 * 3600,
        refuse_eviction: bool = False,
    ) -> None:
        self._connect = connect
        self._prefix = prefix
        self._stream = stream
        self._replica = replica
        self._limits = Limits(batch, in_flight, take_over_seconds, grace_seconds)
        self._take_over_seconds = take_over_seconds
        self._retention_seconds = retention_seconds
        self._abandoned_seconds = abandoned_seconds
        self._refuse_eviction = refuse_eviction
        self._standing_by = {subscription: monotonic() for subscription in subscriptions}
        self._at_work: dict[Subscription, Following] = {}
        self._known: set[Subscription] = set()
        self._stopping = False

    async def run(self) -> None:
        """Run until `stop`. Whatever goes wrong is logged, and tried again."""
        redis = await self._connect()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._keep_bounded, redis)
            async with anyio.create_task_group() as following:
                for subscription in self._standing_by:
                    following.start_soon(self._keep_following, redis, subscription)
            tasks.cancel_scope.cancel()

    def stop(self) -> None:
        """Let `run` end: nothing more is read, the handlers at work may finish, and the rest is given back."""
        self._stopping = True
        for following in self._at_work.values():
            following.stop()

    def stalled(self, seconds: float) -> list[str]:
        """Return the names of the subscriptions that have not read for so long, or whose group is being made again."""
        return [
            subscription.name
            for subscription, standing_by in self._standing_by.items()
            if monotonic() - (self._at_work[subscription].progress if subscription in self._at_work else standing_by)
            > seconds
        ]

    async def check_eviction(self) -> None:
        """Warn of a server that may evict the stream itself. Raises SystemExit if that is to be refused."""
        try:
            policy = await evicting_policy(await self._connect())
        except (RedisError, OSError) as error:
            log.info("the server's maxmemory-policy is not known", extra={"error": str(error)})
            return
        if policy and self._refuse_eviction:
            raise SystemExit(f"qontract: the server's maxmemory-policy is {policy}: set noeviction, or events are lost")
        if policy:
            log.warning("the server may evict events; set its maxmemory-policy to noeviction", extra={"policy": policy})

    async def _keep_following(self, redis: Redis, subscription: Subscription) -> None:
        while not self._stopping:
            try:
                await self._follow(redis, subscription)
            except* LeaseLostError:
                log.warning("lease lost", extra={"subscription": subscription.name})
            except* (RedisError, OSError) as errors:
                error = errors.exceptions[0]
                log.warning(
                    "interrupted", extra={"subscription": subscription.name, "error": f"{type(error).__name__}"}
                )
                await anyio.sleep(1)
            except* Exception:
                log.exception("interrupted", extra={"subscription": subscription.name})
                await anyio.sleep(1)

    async def _follow(self, redis: Redis, subscription: Subscription) -> None:
        """Work on the subscription, if it is this replica's turn; otherwise wait a moment."""
        name = subscription.name
        lease_key = "" if subscription.handler.policy.shared else f"{self._prefix}lease:{name}"
        group = ConsumerGroup(
            redis, prefix=self._prefix, stream=self._stream, name=name, replica=self._replica, lease_key=lease_key
        )
        if not lease_key:
            await self._work(subscription, group, None)
            return
        lease = Lease(redis, lease_key, self._replica, self._take_over_seconds / 2)
        if await lease.acquire():
            async with lease.kept():
                await self._work(subscription, group, lease)
        else:
            self._standing_by[subscription] = monotonic()
            await anyio.sleep(min(1, self._take_over_seconds / 10))

    async def _work(self, subscription: Subscription, group: ConsumerGroup, lease: Lease | None) -> None:
        following = Following(subscription, group, lease, self._limits)
        if await group.make() and subscription in self._known:
            metrics.REBUILT.labels(subscription.name).inc()
            log.error("the consumer group had disappeared", extra={"subscription": subscription.name})
        self._known.add(subscription)
        self._at_work[subscription] = following
        if self._stopping:
            following.stop()
        try:
            await following.run()
        finally:
            self._standing_by[subscription] = self._at_work.pop(subscription).progress

    async def _keep_bounded(self, redis: Redis) -> None:
        """Show which subscriptions are alive, measure them, and trim what is no longer needed."""
        trimmed = 0.0
        while True:
            for subscription in list(self._at_work):
                with suppress(RedisError, OSError):
                    await show_life(redis, prefix=self._prefix, stream=self._stream, group=subscription.name)
            with suppress(RedisError, OSError):
                if monotonic() - trimmed > min(_TRIM_SECONDS, self._retention_seconds):
                    trimmed = monotonic()
                    await trim(
                        redis,
                        prefix=self._prefix,
                        stream=self._stream,
                        retention_seconds=self._retention_seconds,
                        abandoned_seconds=self._abandoned_seconds,
                    )
            await anyio.sleep(min(5, self._retention_seconds))
