"""All subscriptions of a process: their handlers run on a thread of their own, and this one guards them.

A handler that blocks its event loop then holds up neither the lease, nor the heartbeat, nor the answers of the health
checks: another replica does not run its event too, and readiness says what blocks.
"""

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from functools import partial
from threading import Thread
from typing import Any

from qontract.application.delivery.caching_event_format import CachingEventFormat
from qontract.application.delivery.delivery_loop import DeliveryLoop, keep_alive
from qontract.application.delivery.follow_ups import FollowUpPublisher
from qontract.application.delivery.lease import Lease
from qontract.application.delivery.session import Dependencies, Limits
from qontract.application.delivery.subscription import Subscription
from qontract.application.event_manager import EventManager
from qontract.application.ports.event_format import EventFormat
from qontract.application.ports.event_log_connection import EventLogConnection
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.application.ports.event_spool import EventSpoolError
from qontract.entrypoints import metrics
from qontract.entrypoints.container import Container
from qontract.entrypoints.settings_reload import LOOK_SECONDS
from qontract.entrypoints.subscriber.background_tasks import keep_running
from qontract.entrypoints.subscriber.watchdog import Blocked, Watchdog
from qontract.entrypoints.subscriptions import AnyReloader, Loaded

log = logging.getLogger(__name__)

FRESH_SECONDS = 30.0
_RESTART_SECONDS = 5.0
_FLUSH_SECONDS = 5.0
_HOPELESS_SECONDS = 30.0
"""How long beyond its time-out a handler may block, until whoever watches the process had better end it."""


class Deliveries:
    """Runs the subscriptions until `stop`.

    `connect` returns a new view of the kept events, for the event loop on which it is used. `events` spools what
    handlers publish while Redis is away; None: events are disabled. `reloaders` make a subscription anew, by its name.
    """

    def __init__(
        self,
        subscriptions: Sequence[Subscription],
        connect: Callable[[], EventLogConnection],
        event_format: EventFormat,
        *,
        limits: Limits,
        events: EventManager | None,
        source: str,
        reloaders: Mapping[str, AnyReloader] | None = None,
    ) -> None:
        self._reloaders = reloaders or {}
        self._subscriptions = subscriptions
        self._connect = connect
        self._format = CachingEventFormat(event_format) if len(subscriptions) > 1 else event_format
        self._limits = limits
        self._events = events
        self._source = source
        self._watchdog = Watchdog()
        self._guards: set[asyncio.Task[None]] = set()
        self._loops: dict[str, DeliveryLoop] = {}
        self._stopped = asyncio.Event()
        self._thread = Thread(target=self._run, name="deliveries", daemon=True)
        self._ended = False

    @property
    def blocked(self) -> Blocked | None:
        """The handler that blocks all others now."""
        return self._watchdog.blocked

    @property
    def hopeless(self) -> str:
        """Why nothing but a restart can help, or "": a handler that blocks cannot be ended."""
        if self._ended and not self._stopped.is_set():
            return "the thread of the handlers ended"
        blocked = self.blocked
        if blocked and blocked.seconds > blocked.timeout + _HOPELESS_SECONDS:
            return f"{blocked.handler} blocks at {blocked.where}"
        return ""

    def stalled(self) -> list[str]:
        """Return the names of the subscriptions that have not read for a while, or not yet, or whose thread ended."""
        names = [subscription.name for subscription in self._subscriptions]
        loops = dict(self._loops)
        return [name for name in names if self._ended or name not in loops or not loops[name].fresh(FRESH_SECONDS)]

    def standing_by(self) -> set[str]:
        """Return the names of the subscriptions that another replica is to lead."""
        loops = list(self._loops.values())
        return {loop.subscription.name for loop in loops if loop.lease and not loop.session and not loop.paused}

    def stuck(self) -> list[str]:
        """Return the names of the subscriptions of which a handler goes on after its time-out."""
        loops = list(self._loops.values())
        return [loop.subscription.name for loop in loops if loop.session and loop.session.deadline.stuck]

    def stale(self) -> list[str]:
        """Return the names of the subscriptions that go on with settings read before, for their files are wrong now."""
        return sorted(name for name, reloader in self._reloaders.items() if reloader.error)

    def in_flight(self) -> dict[str, int]:
        """Return how many handlers of each subscription are at work."""
        loops = list(self._loops.values())
        return {loop.subscription.name: loop.session.running if loop.session else 0 for loop in loops}

    async def start(self, event_log: EventLogConnection) -> None:
        """Begin. `event_log` is the view of this loop, for what guards the others."""
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        self._guard("watchdog", partial(self._watchdog.watch, self._loop, self._thread, self._loops.values))
        for subscription in self._subscriptions:
            self._guard(f"heartbeat of {subscription.name}", partial(self._keep_alive, subscription, event_log))
        if self._events:
            self._guard("flush", partial(self._flush, self._events))

    async def stop(self) -> None:
        """Let the handlers at work finish, within the grace, and end."""
        with suppress(RuntimeError):  # its loop is closed: the thread has ended
            self._loop.call_soon_threadsafe(self._stopped.set)
        await asyncio.to_thread(self._thread.join, self._limits.grace_seconds + _RESTART_SECONDS)
        for guard in self._guards:
            guard.cancel()

    def _guard(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = asyncio.create_task(keep_running(name, work))
        self._guards.add(task)
        task.add_done_callback(self._guards.discard)

    async def _keep_alive(self, subscription: Subscription, event_log: EventLogConnection) -> None:
        while subscription.name not in self._loops:  # noqa: ASYNC110 - the other thread makes it
            await asyncio.sleep(0.05)
        loop = self._loops[subscription.name]
        await keep_alive(loop, event_log.of(subscription.name, subscription.handler), self._limits.claim_seconds)

    async def _flush(self, events: EventManager) -> None:
        """Send what handlers have published and Redis did not take."""
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            if events.behind:
                with suppress(EventPublisherError, EventSpoolError):
                    await asyncio.to_thread(events.flush)

    def _run(self) -> None:
        """Run the handlers: on the other thread."""
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._deliver())
        except BaseException:  # a handler's SystemExit too: nobody else would hear of it
            log.exception("deliveries broke off; liveness fails")
        finally:
            self._ended = True

    async def _deliver(self) -> None:
        ticking = asyncio.create_task(keep_running("watchdog's tick", self._watchdog.tick))
        async with self._connect() as event_log:
            follow_ups = FollowUpPublisher(event_log.publisher, self._events, source=self._source)
            works = [
                asyncio.create_task(
                    keep_running(f"delivery to {each.name}", partial(self._work_on, each, event_log, follow_ups))
                )
                for each in self._subscriptions
            ]
            renewing = [
                asyncio.create_task(keep_running(f"renewal of {name}", partial(self._renew, name, reloader)))
                for name, reloader in self._reloaders.items()
                if reloader.made
            ]
            await self._stopped.wait()
            for task in renewing:
                task.cancel()
            for loop in self._loops.values():
                loop.stop()
            if works:
                await asyncio.wait(works, timeout=self._limits.grace_seconds + _RESTART_SECONDS / 2)
        ticking.cancel()

    async def _work_on(
        self, subscription: Subscription, event_log: EventLogConnection, follow_ups: FollowUpPublisher
    ) -> None:
        loop = self._loops.get(subscription.name)
        if loop is None:  # else it is begun again; its heartbeat is another task
            loop = self._loops[subscription.name] = self._loop_of(subscription, event_log, follow_ups)
        while not self._stopped.is_set():
            loop.take_successor()
            try:
                async with AsyncExitStack() as stack:
                    if isinstance(loop.subscription.handler, AbstractAsyncContextManager):
                        await stack.enter_async_context(loop.subscription.handler)
                    await loop.run()
            except Exception:
                extra = {"subscription": subscription.name}
                log.exception("handler did not start or end; it is started again", extra=extra)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), _RESTART_SECONDS)

    async def _renew(self, name: str, reloader: AnyReloader) -> None:
        """Have a subscription go on with another handler when its settings have changed."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            renewed = await asyncio.to_thread(reloader.renewed)
            if renewed and reloader.made and name in self._loops:
                self._loops[name].replace(reloader.made)

    def _loop_of(
        self, subscription: Subscription, event_log: EventLogConnection, follow_ups: FollowUpPublisher
    ) -> DeliveryLoop:
        dependencies = Dependencies(
            self._format, follow_ups.publish, metrics.count_for(subscription.name), time.monotonic, time.time
        )
        lease = None if subscription.handler.policy.shared else Lease(self._limits.claim_seconds / 2)
        view = event_log.of(subscription.name, subscription.handler)
        return DeliveryLoop(subscription, view, lease, self._limits, dependencies)


def tune_garbage_collector() -> None:
    """Make the garbage collector skip the objects that exist now, and run less often.

    That saves a tenth of the time of a full drain, and more with many subscriptions.
    """
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def deliveries_of(container: Container, loaded: Loaded) -> Deliveries:
    """Return the deliveries to these subscriptions, as the settings say."""
    settings = container.settings()
    subscriber = settings.subscriber
    return Deliveries(
        loaded.subscriptions,
        container.delivery_event_log_connection,
        container.event_format(),
        limits=Limits(
            batch=subscriber.batch,
            in_flight=subscriber.in_flight,
            max_bytes=subscriber.max_bytes,
            claim_seconds=subscriber.claim_seconds,
            grace_seconds=subscriber.grace_seconds,
        ),
        events=container.event_manager(),
        source=settings.events.source,
        reloaders=loaded.reloaders,
    )
