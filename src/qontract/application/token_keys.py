"""A cache of the public keys that tokens are checked with."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from math import inf

from qontract.application.ports.key_set import KeySet, KeySetError, PublicKey

log = logging.getLogger(__name__)

_LATE = "no answer in time"


class TokenKeys:
    """Caches the keys of a key set. It reads on another thread, one read at a time. All times are in seconds.

    - When somebody asks, keys older than `fresh` are read again.
    - If a key is missing, the keys are read again at once, but not within `pause` of the last read.
    - While they cannot be read, the old keys are used for `longest`, and nobody waits whose key is among them.
    - Nobody waits longer than `wait`.

    `count_failure` is called for each failed read. Use it on one event loop only.
    """

    def __init__(
        self,
        key_set: KeySet,
        *,
        fresh: float,
        pause: float,
        longest: float = 24 * 3600,
        wait: float = 6,
        clock: Callable[[], float] = time.monotonic,
        count_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self._key_set = key_set
        self._fresh, self._pause, self._longest, self._wait = fresh, pause, longest, wait
        self._clock = clock
        self._count_failure = count_failure
        self._keys: Sequence[PublicKey] = ()
        self._read_at = self._begun_at = -inf
        self._error = ""
        self._reading: asyncio.Task[None] | None = None

    async def of(self, key_id: str | None) -> Sequence[PublicKey]:
        """Return the keys that may have signed a token that names this key id; None: the token names no key.

        Raises KeySetError if that is not known: the keys were never read, or too long ago, or the key may be a new one.
        """
        await self.refresh()
        found = self._found(key_id)
        if not found:
            await self._read()
            found = self._found(key_id)
        if not found and (self._error or not self.usable):
            raise KeySetError(self._error or "they were not read yet")
        return found

    async def refresh(self) -> str:
        """Read the keys if they are old; return why they cannot be read, "" if they can."""
        if self._age > self._fresh:
            await self._read(wait=not self.usable or not self._error)
        return self._error

    @property
    def usable(self) -> bool:
        """Whether the keys are known, and not too old."""
        return self._age <= self._longest

    @property
    def _age(self) -> float:
        return self._clock() - self._read_at

    def _found(self, key_id: str | None) -> Sequence[PublicKey]:
        if not self.usable:
            return ()
        if key_id is None and len(self._keys) == 1:
            return self._keys
        return [key for key in self._keys if key.key_id == key_id]

    async def _read(self, *, wait: bool = True) -> None:
        """Begin to read, unless a read is running or has just begun; then wait for it."""
        if self._reading is None or self._reading.done():
            if self._clock() - self._begun_at < self._pause:
                return
            self._begun_at = self._clock()
            self._reading = asyncio.create_task(self._read_now(self._begun_at))
        if wait:
            done, _ = await asyncio.wait({self._reading}, timeout=self._wait)
            if not done and self._error != _LATE:
                self._fail(_LATE)

    async def _read_now(self, begun_at: float) -> None:
        try:
            keys = await asyncio.to_thread(self._key_set.read)
        except KeySetError as error:
            self._fail(str(error))
            return
        except Exception as error:
            log.exception("key set cannot be read")
            self._fail(type(error).__name__)
            return
        if self._error:
            log.info("key set read again")
        if (names := _names(keys)) != _names(self._keys) or not self.usable:
            log.info("key set changed", extra={"keys": names})
        self._keys, self._read_at, self._error = keys, begun_at, ""

    def _fail(self, error: str) -> None:
        self._count_failure()
        known, self._error = self._error, error
        if error == known:
            return
        if self.usable:
            log.warning("key set cannot be read; the keys that it had are used", extra={"error": error})
        else:
            log.error("key set cannot be read; its tokens cannot be judged", extra={"error": error})


def _names(keys: Sequence[PublicKey]) -> list[str]:
    return sorted(f"{key.key_id or '(none)'} {key.algorithm}" for key in keys)
