"""Waiting for the next event: once for all subscriptions of a process that have read as far."""

import asyncio
from dataclasses import dataclass
from math import ceil
from time import monotonic
from typing import Any

from redis.asyncio import Redis

_GRACE_SECONDS = 1.0
"""How late Redis may end a wait (it looks `hz` times a second). To end it from here costs the connection."""
_MARGIN_SECONDS = 0.05


@dataclass(eq=False)
class _Wait:
    reading: asyncio.Task[bool]
    ends_at: float
    readers: int = 0


class SharedWaits:
    """The blocking reads of one event loop."""

    def __init__(self, redis: Redis, stream: str) -> None:
        self._redis = redis
        self._stream = stream
        self._waits: dict[bytes, _Wait] = {}

    async def beyond(self, last: bytes, seconds: float) -> bool:
        """Wait until the stream has an entry after the id `last`, up to so many seconds; say whether it has.

        It may return earlier, after half of the time at least: readers that begin to wait at different moments come
        together. Raises redis.RedisError or OSError, of which each reader gets its own.
        """
        begun = monotonic()
        while (left := begun + seconds - monotonic()) > seconds / 2:
            if await self._wait(last, left):
                return True
        return False

    async def _wait(self, last: bytes, seconds: float) -> bool:
        now, wait = monotonic(), self._waits.get(last)
        if wait is None:
            wait = self._waits[last] = _Wait(asyncio.create_task(self._read(last, seconds)), now + seconds)
            wait.reading.add_done_callback(lambda reading: self._forget(last, reading))
        is_in_time = wait.ends_at <= now + seconds + _MARGIN_SECONDS
        wait.readers += 1
        try:
            await asyncio.wait({wait.reading}, timeout=wait.ends_at + _GRACE_SECONDS - now if is_in_time else seconds)
        finally:
            wait.readers -= 1
            if not wait.readers and not wait.reading.done():
                self._forget(last, wait.reading)
                wait.reading.cancel()
        return wait.reading.done() and not wait.reading.cancelled() and wait.reading.result()

    async def _read(self, last: bytes, seconds: float) -> bool:
        found: Any = await self._redis.xread({self._stream: last}, count=1, block=max(1, ceil(seconds * 1000)))
        return bool(found)

    def _forget(self, last: bytes, reading: asyncio.Task[bool]) -> None:
        if (wait := self._waits.get(last)) and wait.reading is reading:
            del self._waits[last]
        if reading.done() and not reading.cancelled():
            reading.exception()  # it is not lost if every reader has left
