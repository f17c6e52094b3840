"""Naming the handler that holds up all others: one that blocks the event loop."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from threading import Thread

from qontract.application.delivery.attempts import log_fields
from qontract.application.delivery.deadline import frames_of_thread, stack_summary
from qontract.application.delivery.delivery_loop import DeliveryLoop
from qontract.application.ports.event_handler import Delivery
from qontract.entrypoints import metrics

log = logging.getLogger(__name__)

BLOCKED_SECONDS = 2.0
_TICK_SECONDS = 0.5


@dataclass(frozen=True)
class Blocked:
    """Which handler holds up its event loop, since when, and where it stands."""

    subscription: str
    handler: str
    event_id: str
    seconds: float
    timeout: float
    where: str


class Watchdog:
    """Watches, from another thread, the event loop on which the handlers run. `blocked` is what holds it up now."""

    def __init__(self) -> None:
        self.blocked: Blocked | None = None
        self._ticked = time.monotonic()

    async def tick(self) -> None:
        """Show that the loop turns, for as long as this runs: on the loop that is watched."""
        while True:
            self._ticked = time.monotonic()
            await asyncio.sleep(_TICK_SECONDS)

    async def watch(
        self, loop: asyncio.AbstractEventLoop, thread: Thread, loops: Callable[[], Iterable[DeliveryLoop]]
    ) -> None:
        """Say when a handler blocks the loop, and when it does no more: on another loop."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            seconds = time.monotonic() - self._ticked
            if seconds < BLOCKED_SECONDS:
                self._is_over()
            elif found := _at_work(asyncio.current_task(loop), list(loops())):
                self._blocks(*found, seconds, stack_summary(frames_of_thread(thread.ident)))

    def _blocks(self, loop: DeliveryLoop, delivery: Delivery, seconds: float, where: str) -> None:
        handler = loop.subscription.handler
        name, timeout = type(handler).__name__, handler.policy.timeout
        first = self.blocked is None
        self.blocked = Blocked(delivery.subscription, name, delivery.event.id, round(seconds, 1), timeout, where)
        if first:
            metrics.BLOCKED.labels(delivery.subscription).inc()
            extra = log_fields(delivery.subscription, delivery.event) | asdict(self.blocked)
            log.error("handler blocks the event loop; all handlers of this process wait for it", extra=extra)

    def _is_over(self) -> None:
        if self.blocked:
            log.warning("handler blocks the event loop no more", extra=asdict(self.blocked))
            self.blocked = None


def _at_work(task: asyncio.Task[object] | None, loops: Iterable[DeliveryLoop]) -> tuple[DeliveryLoop, Delivery] | None:
    """Return what the task works on; it is looked for from another thread, and may just have ended."""
    for loop in loops:
        session = loop.session
        if session and task and (begun := session.deadline.begun.get(task)):
            return loop, begun[1]
    return None
