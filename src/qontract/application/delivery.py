"""One subscription at work on one replica: it waits for its turn, works, and begins again after any trouble."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from qontract.application.delivery_session import DeliverySession, Limits, Surroundings, rebuilt
from qontract.application.lease import Lease
from qontract.application.ports.event_log import EventLog, EventLogError, LeaseLostError
from qontract.application.subscription import Subscription

log = logging.getLogger(__name__)

_REPEATED_SECONDS = 60.0


class DeliveryLoop:
    """Works on one subscription, on one event loop, until `stop`.

    Ordered if it has a `lease`: it works while that is valid, and stands by otherwise. The lease has to be renewed and
    the heartbeat shown by `keep_alive`, which may run on another thread: a handler that holds up this loop must not
    hold up that one. `session` is the work of the moment.

    While the subscription is paused (`paused`, as it was last looked at) it is not read: handlers at work may finish,
    and what was not begun is released.

    `replace` lets `run` end in the same way, for another handler: `subscription` has it when it is run again.
    """

    def __init__(
        self,
        subscription: Subscription,
        event_log: EventLog,
        lease: Lease | None,
        limits: Limits,
        surroundings: Surroundings,
    ) -> None:
        self.subscription = subscription
        self.lease = lease
        self.session: DeliverySession | None = None
        self.paused = False
        self._log = event_log
        self._limits = limits
        self._pause = min(1.0, limits.claim_seconds / 10)
        self._surroundings = surroundings
        self._stopping = asyncio.Event()
        self._stood_by_at = 0.0
        self._known = False
        self._successor: Subscription | None = None

    def fresh(self, seconds: float) -> bool:
        """Say whether it has read, or stood by, within so many seconds; false before the first time."""
        last = max(self.session.read_at if self.session else 0, self._stood_by_at)
        return last > 0 and self._surroundings.clock() - last < seconds

    def stop(self) -> None:
        """Let `run` end: nothing more is read, the handlers at work may finish, and the rest is released."""
        self._stopping.set()
        if self.session:
            self.session.stop()

    @property
    def _ending(self) -> bool:
        return self._stopping.is_set() or self._successor is not None

    def replace(self, subscription: Subscription) -> None:
        """Let `run` end as `stop` does; run again, it works for this one: of the same name, types and policy."""
        self._successor = subscription
        if self.session:
            self.session.stop()

    def take_successor(self) -> None:
        """Work for the one that was to replace the subscription, if there is one, from the next `run` on."""
        if self._successor:
            self.subscription, self._successor = self._successor, None

    async def run(self) -> None:
        """Work until `stop`, or `replace`. Whatever goes wrong is logged, and tried again after a pause.

        An event log that goes on to refuse the same is logged once a minute.
        """
        extra, told = {"subscription": self.subscription.name}, _Told(self._surroundings.clock)
        while not self._ending:
            try:
                if await self._is_paused():
                    self._stood_by_at = self._surroundings.clock()
                elif self.lease is None or await self.lease.renew(self._log):
                    await self._work()
                else:
                    self._stood_by_at = self._surroundings.clock()
            except LeaseLostError:
                log.warning("replica lost the lease", extra=extra)
            except EventLogError as error:
                if told.is_new(str(error)):
                    log.warning("event log does not answer; it is asked again", extra=extra | {"error": str(error)})
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                log.exception("delivery broke off; it begins again", extra=extra)  # nobody here asked for it
            except Exception:
                log.exception("delivery broke off; it begins again", extra=extra)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 0 if self._ending else self._pause)

    async def _work(self) -> None:
        if await self._log.open() and self._known:
            rebuilt(self.subscription.name, self._surroundings.count)
        self._known = True
        self.session = DeliverySession(self.subscription, self._log, self.lease, self._limits, self._surroundings)
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
            with suppress(EventLogError):  # who reads asks it too, and tells
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


async def keep_alive(loop: DeliveryLoop, event_log: EventLog, claim_seconds: float) -> None:
    """Renew the lease of a subscription, and show that what it holds is being worked on, for as long as this runs."""
    told = _Told(time.monotonic)
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
            if told.is_new(str(error)):
                log.warning("heartbeat failed", extra=extra)


class _Told:
    """What was told last, and when."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._text, self._again_at = "", 0.0

    def is_new(self, text: str) -> bool:
        """Say whether to tell it: it is another text, or a minute has passed."""
        if text == self._text and self._clock() < self._again_at:
            return False
        self._text, self._again_at = text, self._clock() + _REPEATED_SECONDS
        return True
