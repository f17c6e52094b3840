"""One replica at work on one subscription."""

import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from time import monotonic, time
from typing import TypeVar

import anyio
from anyio.abc import TaskGroup
from redis.exceptions import RedisError, ResponseError
from structlog.contextvars import bind_contextvars, clear_contextvars

from qontract.adapters.cloudevents import Event, from_cloudevent
from qontract.adapters.redis import metrics
from qontract.adapters.redis.consumer_group import ConsumerGroup, Entry, LeaseLostError
from qontract.adapters.redis.deadline import Deadline
from qontract.adapters.redis.lanes import Lanes
from qontract.adapters.redis.lease import Lease
from qontract.application.ports.event_handler import Never, NotNow, attempt
from qontract.application.subscriptions import Subscription
from qontract.domain.events import DomainEvent

log = logging.getLogger(__name__)

T = TypeVar("T")

_MOST_WAITING = 10
"""How many times as many entries may wait without their content, behind others that have failed."""


@dataclass(frozen=True)
class Limits:
    """How many entries are read at once, and held; and times in seconds: to take over from the dead, to stop."""

    batch: int
    in_flight: int
    take_over_seconds: float
    grace_seconds: float


class Following:
    """Reads events, runs the handler on them as its policy says, and is done with them when they are handled or dead.

    Ordered (with a lease): a lane for each subject. Shared (without): a lane for each event.
    """

    def __init__(
        self,
        subscription: Subscription,
        group: ConsumerGroup,
        lease: Lease | None,
        limits: Limits,
    ) -> None:
        self._subscription = subscription
        self._policy = subscription.handler.policy
        self._group = group
        self._lease = lease
        self._limits = limits
        self._lanes = Lanes(self._run, concurrency=self._policy.concurrency, room=limits.in_flight)
        self._last = dict.fromkeys(group.streams, b"0-0")
        self._held: dict[tuple[str, bytes], Entry] = {}
        self._unsorted = 0
        self._done: list[tuple[Entry, str]] = []
        self._some_done = anyio.Event()
        self._deadline = Deadline(self._policy.timeout)
        self._handled = metrics.HANDLED.labels(subscription.name)
        self._stopping = False
        self.progress = monotonic()

    def stop(self) -> None:
        """Let `run` end: read no more, let the handlers at work finish, and give back the rest."""
        self._stopping = self._lanes.closed = True

    async def run(self) -> None:
        """Work until `stop`, through any trouble with Redis."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._acknowledge)
            tasks.start_soon(self._keep_up, tasks)
            await self._read(tasks)
            with anyio.move_on_after(self._limits.grace_seconds):
                await self._lanes.ended()
                while self._done:  # noqa: ASYNC110 - acknowledged by then
                    await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
        with anyio.move_on_after(1):
            if not self._lease:
                await self._group.give_back(self._held.values(), self._limits.take_over_seconds)
            await self._group.leave()

    async def _read(self, tasks: TaskGroup) -> None:
        if self._lease:
            taken_over = await self._surely(self._group.take_over_all)
            metrics.RECLAIMED.labels(self._subscription.name).inc(taken_over)
        while not self._stopping:
            with anyio.move_on_after(0.5):
                await self._lanes.room(min(self._limits.batch, self._limits.in_flight))
            free = self._lanes.free - self._unsorted
            count = min(self._limits.batch, free, _MOST_WAITING * self._limits.in_flight - len(self._held))
            if count <= 0:
                await anyio.sleep(0.01)
                continue
            entries = await self._surely(partial(self._group.read, self._last, count))
            for entry in entries:
                self._last[entry.stream] = entry.id
            self._add(entries, tasks)
            self.progress = monotonic()

    def _add(self, entries: list[Entry], tasks: TaskGroup) -> None:
        """Hold the entries that are new, and sort them into lanes; a full batch while the next one is being read."""
        new = [entry for entry in entries if entry.key not in self._held]
        self._held |= {entry.key: entry for entry in new}
        if len(new) < self._limits.batch:
            self._sort(new, tasks)
        else:
            self._unsorted += len(new)
            tasks.start_soon(self._sort_later, new, tasks)

    async def _sort_later(self, entries: list[Entry], tasks: TaskGroup) -> None:
        self._unsorted -= len(entries)
        self._sort(entries, tasks)

    def _sort(self, entries: list[Entry], tasks: TaskGroup) -> None:
        for entry in entries:
            try:
                entry.event = _event(entry)
            except ValueError:
                entry.event = None  # said, and buried, when it is its turn
            in_order = self._lease and entry.event
            lane = f"subject {in_order.subject or ''}" if isinstance(in_order, DomainEvent) else entry.field
            self._lanes.add(lane, entry, tasks)

    async def _run(self, entry: Entry) -> float | None:
        """Run the handler, if it is time. Return None if the entry is done with, or when to come again."""
        wait = entry.due - time()
        if wait > 0:
            return wait
        if self._lease and not self._lease.valid:
            raise LeaseLostError
        name = self._subscription.name
        try:
            event = entry.event or await self._read_again(entry)
        except ValueError as error:
            await self._bury(entry, f"cannot be read: {_line(error)}")
            return None
        if not self._subscription.wants(event.type) or (
            self._policy.once_for and await self._surely(lambda: self._group.was_handled(event.id))
        ):
            self._be_done(entry, "")
            return None
        clear_contextvars()  # of the event before: a task runs many
        bind_contextvars(
            subscription=name, event_id=event.id, event_type=event.type, correlation_id=event.correlation_id
        )
        return await self._attempt(entry, event)

    async def _attempt(self, entry: Entry, event: DomainEvent) -> float | None:
        number = len(entry.failures) + 1
        if number > 1:
            metrics.RETRIED.labels(self._subscription.name).inc()
        attempt.set(number)
        try:
            await self._deadline.keep(self._subscription.handler.handle(event))
        except NotNow as later:
            entry.due = time() + later.seconds
            await self._surely(lambda: self._group.record(entry))
            return later.seconds
        except Never as never:
            await self._bury(entry, f"refused by the handler: {never}")
            return None
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is a failed attempt
            return await self._failed(entry, error)
        self._handled.inc()
        log.debug("handled")
        self._be_done(entry, event.id)
        return None

    async def _failed(self, entry: Entry, error: Exception) -> float | None:
        policy, number = self._policy, len(entry.failures) + 1
        metrics.FAILED.labels(self._subscription.name).inc()
        log.warning("handler failed", extra={"attempt": number, "of": policy.attempts}, exc_info=error)
        if number >= policy.attempts:
            await self._bury(entry, _line(error))
            return None
        pause: float = min(policy.longest_pause, policy.pause * 2 ** (number - 1)) * random.uniform(0.5, 1)  # noqa: S311
        entry.failures.append(_failure(_line(error)))
        entry.due = time() + pause
        await self._surely(lambda: self._group.record(entry))
        return pause

    async def _bury(self, entry: Entry, reason: str) -> None:
        entry.failures.append(_failure(reason))
        await self._surely(lambda: self._group.bury(entry))
        del self._held[entry.key]
        metrics.DEAD.labels(self._subscription.name).inc()
        log.error(
            "event is dead", extra={"subscription": self._subscription.name, "entry": entry.field, "error": reason}
        )

    async def _read_again(self, entry: Entry) -> DomainEvent:
        if entry.content is None:
            entry.content = await self._surely(lambda: self._group.content(entry))
        return _event(entry)

    def _be_done(self, entry: Entry, event_id: str) -> None:
        self._done.append((entry, event_id))
        self._some_done.set()

    async def _acknowledge(self) -> None:
        """Acknowledge what is done; what comes meanwhile goes together."""
        while True:
            await self._some_done.wait()
            self._some_done = anyio.Event()
            done = list(self._done)
            handled = [event_id for _, event_id in done if event_id] if self._policy.once_for else []
            entries = [entry for entry, _ in done]
            await self._surely(partial(self._group.acknowledge, entries, handled, self._policy.once_for))
            del self._done[: len(done)]
            for entry in entries:
                del self._held[entry.key]

    async def _keep_up(self, tasks: TaskGroup) -> None:
        """While the handlers work: show that, and take over what dead replicas had read."""
        kept = swept = monotonic()
        while True:
            await anyio.sleep(min(1, self._limits.take_over_seconds / 3))
            metrics.IN_FLIGHT.labels(self._subscription.name).set(self._lanes.running)
            if self._lease is None and not self._stopping:
                if monotonic() - kept > self._limits.take_over_seconds / 4:
                    kept = monotonic()
                    await self._surely(lambda: self._group.keep(list(self._held.values())))
                if (count := min(self._limits.batch, self._lanes.free - self._unsorted)) > 0:
                    idle = self._limits.take_over_seconds * 0.8
                    entries = await self._surely(partial(self._group.take_over_idle, idle, count))
                    metrics.RECLAIMED.labels(self._subscription.name).inc(len(entries))
                    self._add(entries, tasks)
            if monotonic() - swept > 2 * self._limits.take_over_seconds:
                swept = monotonic()
                await self._surely(lambda: self._group.forget_the_dead(10 * self._limits.take_over_seconds))

    async def _surely(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask Redis until it answers. If the group has disappeared, make it again first."""
        pause = 0.05
        while True:
            try:
                return await ask()
            except ResponseError as error:
                if "NOGROUP" in str(error):
                    await self._rebuild()
                    continue
                self._tell(error, pause)
            except (RedisError, OSError) as error:
                self._tell(error, pause)
            await anyio.sleep(pause)
            pause = min(1, 2 * pause)

    async def _rebuild(self) -> None:
        self.progress = 0
        self._last.update(dict.fromkeys(self._group.streams, b"0-0"))
        if await self._surely(self._group.make):
            metrics.REBUILT.labels(self._subscription.name).inc()
            log.error(
                "the consumer group had disappeared, and is made again", extra={"subscription": self._subscription.name}
            )

    def _tell(self, error: Exception, pause: float) -> None:
        if pause == 0.05:  # noqa: PLR2004 - once for each question
            log.warning("redis", extra={"subscription": self._subscription.name, "error": _line(error)})


def _event(entry: Entry) -> DomainEvent:
    """Return the event. Raises ValueError if it is none."""
    if not entry.content:
        raise ValueError("the event is no longer in the stream, or never was")
    return from_cloudevent(Event.from_json(entry.content))


def _failure(error: str) -> dict[str, str]:
    return {"time": datetime.now(UTC).isoformat().replace("+00:00", "Z"), "error": error}


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]
