"""The delivery loop of one subscription on one replica: wait for the lease, run a session, begin again on failure."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from qontract.application.delivery.counts import report_rebuilt
from qontract.application.delivery.lease import Lease
from qontract.application.delivery.session import DeliverySession, Dependencies, Limits
from qontract.application.delivery.subscription import Subscription
from qontract.application.ports.event_log import EventLog, EventLogError, LeaseLostError

log = logging.getLogger(__name__)

_REPEATED_SECONDS = 60.0


class DeliveryLoop:
    """Works on one subscription, on one event loop, until `stop`.

    With a `lease` the subscription is ordered: the loop works while the lease is valid, and stands by otherwise.
    `keep_alive` has to run beside it, best on another thread, so that a handler that blocks does not stop the renewal
    of the lease or the heartbeat. `session` is the current session, if it works.

    While the subscription is `paused`, it is not read: running handlers may finish, and all other entries are released.

    `replace` ends `run` in the same way; the next `run` has the other handler.
    """

    def __init__(
        self,
        subscription: Subscription,
        event_log: EventLog,
        lease: Lease | None,
        limits: Limits,
        dependencies: Dependencies,
    ) -> None:
        self.subscription = subscription
        self.lease = lease
        self.session: DeliverySession | None = None
        self.paused = False
        self._log = event_log
        self._limits = limits
        self._pause = min(1.0, limits.claim_seconds / 10)
        self._dependencies = dependencies
        self._stopping = asyncio.Event()
        self._stood_by_at = 0.0
        self._known = False
        self._successor: Subscription | None = None

    def fresh(self, seconds: float) -> bool:
        """Return whether it has read, or stood by, within so many seconds. At first it has not."""
        last = max(self.session.read_at if self.session else 0, self._stood_by_at)
        return last > 0 and self._dependencies.clock() - last < seconds

    def stop(self) -> None:
        """End `run`: it reads nothing more, running handlers may finish, and all other entries are released."""
        self._stopping.set()
        if self.session:
            self.session.stop()

    @property
    def _ending(self) -> bool:
        return self._stopping.is_set() or self._successor is not None

    def replace(self, subscription: Subscription) -> None:
        """End `run` as `stop` does. The next `run` has this subscription; its name, types and policy are the same."""
        self._successor = subscription
        if self.session:
            self.session.stop()

    def take_successor(self) -> None:
        """Use the subscription that was given to `replace`, if one was. Call it before the next `run`."""
        if self._successor:
            self.subscription, self._successor = self._successor, None

    async def run(self) -> None:
        """Work until `stop`, or `replace`. Every failure is logged, and the work begins again after a pause.

        The same error of the event log is logged once a minute.
        """
        extra, warnings = {"subscription": self.subscription.name}, _OncePerMinute(self._dependencies.clock)
        while not self._ending:
            try:
                await self._work_or_stand_by()
            except LeaseLostError:
                log.warning("replica lost the lease", extra=extra)
            except EventLogError as error:
                if warnings.is_new(str(error)):
                    log.warning("event log request failed; it is repeated", extra=extra | {"error": str(error)})
            except asyncio.CancelledError:
                if _is_being_cancelled():
                    raise
                log.exception("delivery broke off; it begins again", extra=extra)  # nobody here asked for it
            except Exception:
                log.exception("delivery broke off; it begins again", extra=extra)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 0 if self._ending else self._pause)

    async def _work_or_stand_by(self) -> None:
        if not await self._is_paused() and (self.lease is None or await self.lease.renew(self._log)):
            await self._work()
        else:
            self._stood_by_at = self._dependencies.clock()

    async def _work(self) -> None:
        if await self._log.open() and self._known:
            report_rebuilt(self.subscription.name, self._dependencies.count)
        self._known = True
        self.session = DeliverySession(self.subscription, self._log, self.lease, self._limits, self._dependencies)
        if self._ending:
            self.session.stop()
        pausing = asyncio.create_task(self._stop_when_paused(self.session))
        try:
            await self.session.run()
        finally:
            pausing.cancel()
            self.session = None

    async def _stop_when_paused(self, session: DeliverySession) -> None:
        while True:
            await asyncio.sleep(self._limits.read_seconds)
            with suppress(EventLogError):  # reading meets the same error, and logs it
                if await self._is_paused():
                    session.stop()
                    return

    async def _is_paused(self) -> bool:
        was, self.paused = self.paused, await self._log.paused()
        if self.paused != was:
            extra = {"subscription": self.subscription.name}
            if self.paused:
                log.info("subscription is paused; it is read no more", extra=extra)
            else:
                log.info("subscription is resumed; it is read again", extra=extra)
        return self.paused


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


async def keep_alive(loop: DeliveryLoop, event_log: EventLog, claim_seconds: float) -> None:
    """Renew the lease of a subscription, or send heartbeats for the entries that it holds, until it is cancelled."""
    warnings = _OncePerMinute(time.monotonic)
    while True:
        await asyncio.sleep(claim_seconds / (10 if loop.lease else 4))
        try:
            if loop.lease is None:
                if session := loop.session:
                    await event_log.heartbeat(list(session.held.values()))
            elif loop.lease.valid:
                await loop.lease.renew(event_log)
        except EventLogError as error:
            extra = {"subscription": loop.subscription.name, "error": str(error)}
            if warnings.is_new(str(error)):
                log.warning("heartbeat or renewal of the lease failed", extra=extra)


class _OncePerMinute:
    """Filters log lines: each text passes once a minute."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._text, self._again_at = "", 0.0

    def is_new(self, text: str) -> bool:
        """Return whether to log the text: it is another one than last time, or a minute has passed."""
        if text == self._text and self._clock() < self._again_at:
            return False
        self._text, self._again_at = text, self._clock() + _REPEATED_SECONDS
        return True
