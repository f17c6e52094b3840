"""The public keys that tokens are checked with: read in time, kept while they cannot be read, and for how long."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from math import inf

from qontract.application.ports.key_set import KeySet, KeySetError, PublicKey

log = logging.getLogger(__name__)

_LATE = "no answer in time"


class TokenKeys:
    """The keys of a key set. It is read on another thread, one reading at a time; all times are in seconds.

    - Keys older than `fresh` are read again, when somebody asks.
    - For a key that is not there they are read again at once, but not within `pause` of the last time.
    - While they cannot be read, the old ones are used for `longest`, and nobody who finds his key waits.
    - Nobody waits for longer than `wait`.

    `count_failure` is called each time that they could not be read. It is used on one event loop.
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
        """Return the keys that a token may be signed with which names this id, or none if it is None.

        Raises KeySetError: that cannot be said, for they were never read, or not for too long, or it may be a new one.
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
        """Read the keys if it is time; return why they cannot be read, or "": they can be."""
        if self._age > self._fresh:
            await self._read(wait=not self.usable or not self._error)
        return self._error

    @property
    def usable(self) -> bool:
        """Whether it is known what keys there are."""
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
        """Begin to read, if it is not being done and was not done just now; and wait for it."""
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
            log.info("key set is read again")
        if (names := _names(keys)) != _names(self._keys) or not self.usable:
            log.info("token keys taken", extra={"keys": names})
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
