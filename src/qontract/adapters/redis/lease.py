"""A lease: of several processes, the one that may work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

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

    async def acquire(self) -> bool:
        """Try once. Raises RedisError."""
        milliseconds = int(self._seconds * 1000)
        return bool(
            await self._redis.set(self._key, self._holder, nx=True, px=milliseconds)
            or await self._redis.eval(_RENEW, 1, self._key, self._holder, milliseconds)
        )

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Renew the lease while the body runs and release it after; cancel the body, quietly, if it is lost."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._renew, group.cancel_scope)
            try:
                yield
            finally:
                group.cancel_scope.cancel()
                with anyio.CancelScope(shield=True), suppress(RedisError, OSError):
                    await self._redis.eval(_RELEASE, 1, self._key, self._holder)

    async def _renew(self, scope: anyio.CancelScope) -> None:
        renewed = anyio.current_time()
        while anyio.current_time() - renewed < self._seconds:
            await anyio.sleep(self._seconds / 5)
            with suppress(RedisError, OSError):
                if not await self._redis.eval(_RENEW, 1, self._key, self._holder, int(self._seconds * 1000)):
                    break
                renewed = anyio.current_time()
        scope.cancel()
