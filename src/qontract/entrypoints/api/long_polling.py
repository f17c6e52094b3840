"""Requests that wait for the end of a job: a bounded number, and one look-up for all that wait for the same job."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from threading import Event as Flag

from fastapi import HTTPException

from qontract.domain.jobs import JobResult

_FIRST_PAUSE = 0.02
_MAX_WAIT = 0.5
_GONE_SECONDS = 2
"""How often it is looked whether who waits is still there."""
_RETRY_SECONDS = 5
NO_SUCH_JOB = "No such job was submitted, or it is too long ago."

LookUp = Callable[[str], Awaitable[JobResult | None]]
"""Returns how far a job has come."""


@dataclass
class _Watch:
    """A job that some wait for."""

    ended: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0
    forgotten: bool = False
    body: bytes | None = None
    error: Exception | None = None
    task: asyncio.Task[None] | None = None


class LongPoller:
    """Lets at most `most` requests wait. `stopping` ends all of them."""

    def __init__(self, look_up: LookUp, *, most: int, stopping: Flag) -> None:
        self._look_up = look_up
        self._most = most
        self._stopping = stopping
        self._watches: dict[str, _Watch] = {}
        self._waiting = 0

    async def end_of(self, job_id: str, seconds: float, gone: Callable[[], Awaitable[bool]]) -> bytes | None:
        """Return the result of a job as JSON when it has ended; None if it has not by then, or who asks is `gone`.

        Answers 503 if too many wait already, and 404 if the job is forgotten. Raises what looking it up raises.
        """
        if self._waiting >= self._most:
            raise HTTPException(503, f"{self._waiting} requests wait already.", {"retry-after": str(_RETRY_SECONDS)})
        watch = self._watch(job_id)
        self._waiting += 1
        watch.waiting += 1
        try:
            await self._until_ended(watch, seconds, gone)
            if watch.error:
                raise watch.error
            if watch.forgotten:
                raise HTTPException(404, NO_SUCH_JOB)
            return watch.body
        finally:
            self._waiting -= 1
            watch.waiting -= 1
            if not watch.waiting:
                self._forget(job_id, watch)

    async def _until_ended(self, watch: _Watch, seconds: float, gone: Callable[[], Awaitable[bool]]) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not watch.ended.is_set() and (left := until - loop.time()) > 0 and not await gone():
            try:
                async with asyncio.timeout(min(left, _GONE_SECONDS)):
                    await watch.ended.wait()
            except TimeoutError:
                continue

    def _watch(self, job_id: str) -> _Watch:
        watch = self._watches.get(job_id)
        if watch is None or watch.ended.is_set():
            watch = self._watches[job_id] = _Watch()
            watch.task = asyncio.create_task(self._look_until_ended(job_id, watch))
        return watch

    def _forget(self, job_id: str, watch: _Watch) -> None:
        if watch.task:
            watch.task.cancel()
        if self._watches.get(job_id) is watch:
            del self._watches[job_id]

    async def _look_until_ended(self, job_id: str, watch: _Watch) -> None:
        pause = _FIRST_PAUSE
        try:
            while not self._stopping.is_set():
                await asyncio.sleep(pause)
                found = await self._look_up(job_id)
                if found is None:
                    watch.forgotten = True
                    return
                if found.status.final:
                    watch.body = found.model_dump_json().encode()  # once for all who wait
                    return
                pause = min(1.5 * pause, _MAX_WAIT)
        except Exception as error:  # noqa: BLE001 - each that waits raises it
            watch.error = error
        finally:
            watch.ended.set()
