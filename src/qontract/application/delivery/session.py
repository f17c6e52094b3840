"""One session of a subscription: it begins when this replica may work, and ends when it stops, or may not any more."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from qontract.application.delivery.attempts import Attempts, Publish, fail_begun_attempt
from qontract.application.delivery.capacity import Capacity
from qontract.application.delivery.counts import CountDelivery, DeliveryCount, report_expired, report_rebuilt
from qontract.application.delivery.lanes import Lanes
from qontract.application.delivery.lease import Lease
from qontract.application.delivery.subscription import Subscription
from qontract.application.ports.event_format import EventFormat
from qontract.application.ports.event_log import (
    Entry,
    EventLog,
    EventLogError,
    LeaseLostError,
    LogWentBackError,
    PlaceLostError,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

_SHORTEST_PAUSE, _MAX_WAIT = 0.05, 1.0
_RELEASE_SECONDS = 1.0
_CANCELLED_SECONDS = 5.0
"""How long cancelled handlers may take to end. After that they are left behind."""


@dataclass(frozen=True)
class Limits:
    """How much a subscription reads and holds at once, and times in seconds.

    Without a heartbeat, entries are claimed after `claim_seconds`. At the end, handlers may finish within
    `grace_seconds`.
    """

    batch: int = 500
    in_flight: int = 2000
    max_bytes: int = 64 * 2**20
    claim_seconds: float = 30.0
    grace_seconds: float = 20.0
    read_seconds: float = 1.0


@dataclass(frozen=True)
class Dependencies:
    """What a delivery needs from outside. `publish` is for follow-up events; `clock` is a monotonic clock."""

    event_format: EventFormat
    publish: Publish
    count: CountDelivery
    clock: Callable[[], float]
    now: Callable[[], float]


class DeliverySession:
    """Reads events, runs the handler on them, and acknowledges them.

    With a `lease` the subscription is ordered: it works while the lease is valid, with a lane for each order key.
    Without a lease it is shared, and each entry has its own lane. `held` has the entries that are read and not
    acknowledged. `read_at` is when it last read, by the clock; 0 before the first time.
    """

    def __init__(
        self,
        subscription: Subscription,
        event_log: EventLog,
        lease: Lease | None,
        limits: Limits,
        dependencies: Dependencies,
    ) -> None:
        self._name = subscription.name
        self._wants = subscription.wants
        self._format = dependencies.event_format
        self._log = event_log
        self._lease = lease
        self._limits = limits
        self._dependencies = dependencies
        self._tasks: set[asyncio.Task[None]] = set()
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stopping = asyncio.Event()
        self._done: list[Entry] = []
        self._some_done = asyncio.Event()
        self._all_acknowledged = asyncio.Event()
        self._all_acknowledged.set()
        self._capacity = Capacity(limits.in_flight, limits.max_bytes)
        self._attempts = Attempts(
            subscription,
            event_log,
            dependencies.event_format,
            ask=self._ask,
            publish=dependencies.publish,
            finished=self._finished,
            dead_lettered=lambda entry: self.held.pop(entry.key, None),
            lease=lease,
            count=dependencies.count,
            now=dependencies.now,
        )
        concurrency = subscription.handler.policy.concurrency
        self._lanes = Lanes(self._attempts.run, self._spawn, self._capacity, concurrency=concurrency)
        self.held: dict[Hashable, Entry] = {}
        self.read_at = 0.0
        self.deadline = self._attempts.deadline

    @property
    def running(self) -> int:
        """How many handlers are running."""
        return self._lanes.running

    def stop(self) -> None:
        """End `run`: it reads nothing more, running handlers may finish, and all other entries are released."""
        self._stopping.set()
        self._lanes.closed = True

    async def run(self) -> None:
        """Work until `stop`. Raises LeaseLostError when this replica does not lead any more, and EventLogError."""
        if self._lease:
            await self._log.claim_all()
            self._spawn(self._watch_lease(self._lease))
        self._spawn(self._acknowledge())
        reading = self._spawn(self._read())
        stopping = asyncio.ensure_future(self._stopping.wait())
        ends: set[asyncio.Future[Any]] = {reading, stopping, self._broken}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if self._stopping.is_set() and not self._broken.done():
                await self._drain(reading)
            if self._broken.done():
                self._broken.result()
        finally:
            stopping.cancel()
            if not self._attempts.stopping:
                await self._cancel()
            self._broken.cancel()

    async def _cancel(self) -> bool:
        """Cancel all tasks; return whether all of them have ended."""
        self._attempts.stopping = True
        for task in (tasks := self._tasks.copy()):
            task.cancel()
        return not tasks or not (await asyncio.wait(tasks, timeout=_CANCELLED_SECONDS))[1]

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = RuntimeError("a task was cancelled by somebody else") if task.cancelled() else task.exception()
        if error and not self._attempts.stopping and not self._broken.done():
            self._broken.set_exception(error)

    async def _drain(self, reading: asyncio.Task[None]) -> None:
        """Let running handlers finish, and release the entries that were not begun."""
        finishing = asyncio.ensure_future(self._finish(reading))
        ends: set[asyncio.Future[None]] = {finishing, self._broken}
        await asyncio.wait(ends, timeout=self._limits.grace_seconds, return_when=asyncio.FIRST_COMPLETED)
        finishing.cancel()
        not_begun = [entry for entry in self.held.values() if entry not in self._lanes.at_work]
        all_ended = await self._cancel()  # before another replica may begin
        with suppress(TimeoutError, EventLogError):
            async with asyncio.timeout(_RELEASE_SECONDS):
                await self._log.record([entry for entry in not_begun if not entry.recorded])
                await self._log.release(not_begun)
                if self._lease and all_ended:
                    await self._lease.end(self._log)
                await self._log.close()

    async def _finish(self, reading: asyncio.Task[None]) -> None:
        await asyncio.wait({reading}, timeout=2 * self._limits.read_seconds)  # what it reads belongs to this replica
        await self._lanes.idle()
        await self._all_acknowledged.wait()

    async def _read(self) -> None:
        limits = self._limits
        batch = min(limits.batch, limits.in_flight)
        while not self._stopping.is_set():
            if await self._capacity.wait_for(batch, 0.5):
                count = min(batch, self._capacity.entries)
                entries = await self._ask(partial(self._log.read, count, self._capacity.bytes, limits.read_seconds))
                self.read_at = self._dependencies.clock()
                self._capacity.take(entries)
                self._spawn(self._add(entries))  # while the log answers the next question
            elif self.read_at:
                self.read_at = self._dependencies.clock()  # it is busy with all that it may hold

    async def _add(self, entries: Sequence[Entry]) -> None:
        """Put each new entry into its lane."""
        claimed, ordered = 0, self._lease is not None
        for entry in entries:
            if held := self.held.get(entry.key):
                self._capacity.free(entry)
                if held.content and entry.content and held.content != entry.content:
                    raise EventLogError(f"entry {entry.key} is another event now: the log went back")
                continue
            self.held[entry.key] = entry
            if entry.expired:
                report_expired(entry, self._name, self._dependencies.count, self._dependencies.now())
                self._capacity.free(entry)
                self._finished(entry)
                continue
            if entry.redelivered:
                claimed += 1
                fail_begun_attempt(entry)
            if self._wanted(entry):
                self._lanes.add(entry.event.order_key if ordered and entry.event else entry.key, entry)
            else:
                self._capacity.free(entry)
                self._finished(entry)
        if claimed:
            self._dependencies.count(DeliveryCount.CLAIMED, claimed)

    def _wanted(self, entry: Entry) -> bool:
        """Return whether the handler wants the entry, and decode it then. Bytes without a type count as type ""."""
        content = entry.content or b""
        try:
            kind = self._format.type_of(content) if entry.type is None else entry.type
        except ValueError:
            return self._wants("")
        if not self._wants(kind):
            return False
        try:
            entry.event = self._format.decode(content)
        except ValueError:
            return True  # decoding fails again at the attempt, which reports the reason
        return entry.event.type == kind or self._wants(entry.event.type)

    def _finished(self, entry: Entry) -> None:
        self._done.append(entry)
        self._some_done.set()
        self._all_acknowledged.clear()

    async def _acknowledge(self) -> None:
        """Acknowledge finished entries: all those that finish during one call go into the next."""
        while True:
            await self._some_done.wait()
            self._some_done.clear()
            done = self._done[:]
            await self._ask(partial(self._log.acknowledge, done))
            if self._attempts.handled:
                self._dependencies.count(DeliveryCount.HANDLED, self._attempts.handled)
                self._attempts.handled = 0
            del self._done[: len(done)]
            for entry in done:
                self.held.pop(entry.key, None)
            if not self._done:
                self._all_acknowledged.set()

    async def _watch_lease(self, lease: Lease) -> None:
        """End the session when the lease has run out: another replica may work then."""
        while (left := lease.left) > 0:  # noqa: ASYNC110 - another thread renews it
            await asyncio.sleep(min(left, lease.seconds / 10))
        raise LeaseLostError("the lease ran out")

    async def _ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """Call the event log until it answers. If the subscription's place is lost, make the place again first."""
        pause = _SHORTEST_PAUSE
        while True:
            try:
                answer = await question()
            except LeaseLostError:
                raise
            except EventLogError as error:
                if isinstance(error, LogWentBackError):
                    self._dependencies.count(DeliveryCount.REWOUND, 1)
                    log.error("stream rewound; events may come again", extra={"subscription": self._name})  # noqa: TRY400
                elif pause == _SHORTEST_PAUSE:  # once for each question
                    extra = {"subscription": self._name, "error": str(error)}
                    log.warning("event log request failed; it is repeated", extra=extra)
                if isinstance(error, PlaceLostError):
                    await self._reopen()
            else:
                if self._attempts.stopping:  # redis-py's wait_for swallows a cancellation, on Python 3.11
                    raise asyncio.CancelledError
                return answer
            await asyncio.sleep(pause)
            pause = min(_MAX_WAIT, 2 * pause)

    async def _reopen(self) -> None:
        self.read_at = 0
        with suppress(EventLogError):  # the question is asked again, and fails again
            if await self._log.open():
                report_rebuilt(self._name, self._dependencies.count)
            if self._lease:
                await self._log.claim_all()
