"""A lease: of several processes, the one that may work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic

import anyio
from redis.asyncio import Redis
from redis.exceptions import RedisError

# KEYS: the lease. ARGV: who holds it, milliseconds.
_RENEW = (
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) else return 0 end"
)
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end"


class Lease:
    """The right to work under `key`, held by one `holder` at a time, for `seconds` unless it is renewed."""

    def __init__(self, redis: Redis, key: str, holder: str, seconds: float) -> None:
        self._redis = redis
        self._key = key
        self._holder = holder
        self._seconds = seconds
        self._renewed = 0.0

    @property
    def valid(self) -> bool:
        """Whether it is sure that nobody else holds it; false also after this process has stood still for too long."""
        return monotonic() - self._renewed < self._seconds

    async def acquire(self) -> bool:
        """Try once. Raises RedisError."""
        asked = monotonic()
        if await self._redis.set(self._key, self._holder, nx=True, px=int(self._seconds * 1000)):
            self._renewed = asked
        return self.valid

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Renew the lease while the body runs and release it after; cancel the body, quietly, if it is lost."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._renew, group.cancel_scope)
            try:
                yield
            finally:
                group.cancel_scope.cancel()
                with anyio.CancelScope(shield=True), anyio.move_on_after(1), suppress(RedisError, OSError):
                    await self._redis.eval(_RELEASE, 1, self._key, self._holder)

    async def _renew(self, scope: anyio.CancelScope) -> None:
        while self.valid:
            await anyio.sleep(self._seconds / 5)
            asked = monotonic()
            with suppress(RedisError, OSError):
                if not await self._redis.eval(_RENEW, 1, self._key, self._holder, int(self._seconds * 1000)):
                    break
                self._renewed = asked
        scope.cancel()
