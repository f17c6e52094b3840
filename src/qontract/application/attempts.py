"""One entry's turn: the handler is run under its policy, and what comes of it is recorded."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any

from qontract.application import tracing
from qontract.application.deadline import Deadline
from qontract.application.lease import Lease
from qontract.application.outcome import DeadLetter, after, cause_of, describe
from qontract.application.ports.event_format import EventFormat
from qontract.application.ports.event_handler import Delivery
from qontract.application.ports.event_log import Entry, EventLog, LeaseLostError
from qontract.application.subscription import Subscription
from qontract.domain.causes import REPLICA_DIED, REPLICA_ENDED, Cause, cause_of_text
from qontract.domain.dead_letters import FailedAttempt
from qontract.domain.endings import Ending
from qontract.domain.events import DomainEvent, wire_name

log = logging.getLogger(__name__)

current_delivery: ContextVar[Delivery | None] = ContextVar("current_delivery", default=None)
"""What the running handler was given: what its log lines are about."""

_HANDLED = Ending.HANDLED  # found sooner than in its class

_SOON = 0.001
"""Seconds: what is due by then is due now, for two clocks never agree to the last digit."""

Publish = Callable[[Delivery, DomainEvent], Awaitable[None]]


class Count(StrEnum):
    """What is counted of a subscription."""

    HANDLED = "events_handled"
    FAILED = "attempts_failed"
    RETRIED = "attempts_retried"
    DEAD_LETTERED = "events_dead_lettered"
    DEDUPLICATED = "events_deduplicated"
    CLAIMED = "events_claimed"
    EXPIRED = "events_expired"
    REBUILT = "subscriptions_rebuilt"
    REWOUND = "streams_rewound"
    STUCK = "handlers_stuck"


Counting = Callable[[Count, int], object]
Asking = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]


class Attempts:
    """Runs the handler of one subscription on entries whose turn it is.

    `ask` puts a question to the event log until it answers. `finished` gets each entry that is to be acknowledged, and
    `dead_lettered` each that is a dead letter. `lease`, if there is one: nothing begins without it. `now`: seconds
    since the epoch. `ending` is set when its tasks are about to be cancelled, for this replica stops, or leads no more.
    """

    def __init__(
        self,
        subscription: Subscription,
        event_log: EventLog,
        event_format: EventFormat,
        *,
        ask: Asking,
        publish: Publish,
        finished: Callable[[Entry], object],
        dead_lettered: Callable[[Entry], object],
        lease: Lease | None,
        count: Counting,
        now: Callable[[], float],
    ) -> None:
        self._name = subscription.name
        self._handler = subscription.handler
        self._policy = subscription.handler.policy
        self._classes = subscription.handler.classes
        self._home = type(subscription.handler).__module__
        self._asks_before = bool(self._classes or self._policy.dedupe_for)
        self._log = event_log
        self._format = event_format
        self._ask = ask
        self._publish = publish
        self._finished = finished
        self._dead_lettered = dead_lettered
        self._lease = lease
        self._count = count
        self._now = now
        self.deadline = Deadline(self._policy.timeout, self._is_stuck)
        self.handled = 0
        self.ending = False

    async def run(self, entry: Entry, task: asyncio.Task[Any]) -> float | None:
        """Run the handler in `task`, the current one, if it is time.

        Return None if the entry is done with, or when to come again, in seconds.
        """
        if entry.due and (wait := entry.due - self._now()) > _SOON:
            return wait
        self._check_lease()
        event = entry.event
        if event is None or self._asks_before or entry.failures or entry.redelivered or entry.recorded:
            event = await self._prepare(entry)
            if event is None:
                return None
            self._check_lease()  # again: the log may have taken its time, or this process may have stood still
        if not tracing.on():
            return await self._attempt(entry, event, task)
        with tracing.attempt(self._name, event, len(entry.failures) + 1):
            return await self._attempt(entry, event, task)

    async def _prepare(self, entry: Entry) -> DomainEvent | None:
        """Record that the attempt begins, and return the event; None if the entry is done with."""
        reason, event = await self._look(entry)
        if reason is not None:
            await self._dead_letter(entry, reason)
            return None
        if event is None:
            expired(entry, self._name, self._count, self._now())
            self._finished(entry)
            return None
        if self._policy.dedupe_for and await self._is_known(event):
            self._count(Count.DEDUPLICATED, 1)
            entry.ending, entry.ended = Ending.DEDUPLICATED, self._now()
            self._finished(entry)
            return None
        if entry.redelivered or entry.recorded:
            entry.begun = self._now()
            await self._ask(partial(self._log.record, [entry]))
            entry.recorded = True
        return event

    def _check_lease(self) -> None:
        if self._lease is not None and not self._lease.valid:
            raise LeaseLostError("the lease ran out")

    async def _look(self, entry: Entry) -> tuple[str | None, DomainEvent | None]:
        """Return why the entry cannot be handled, or None; and its event, or None if it is gone."""
        if len(entry.failures) >= self._policy.max_attempts:  # the last one was begun, and ended with its replica
            return "", None
        try:
            event = entry.event or await self._decode_again(entry)
        except ValueError as error:
            return f"cannot be read: {describe(error)}", None
        if event and self._classes and not isinstance(event, self._classes):
            wanted = next((one for one in self._classes if wire_name(one) == event.type), self._classes[0])
            return f"does not fit {wanted.__name__}: {self._format.misfit(event, wanted)}", None
        return None, event

    async def _is_known(self, event: DomainEvent) -> bool:
        return bool(await self._ask(partial(self._log.known, _identity(event))))

    async def _attempt(self, entry: Entry, event: DomainEvent, task: asyncio.Task[Any]) -> float | None:
        delivery = Delivery(self._name, event, len(entry.failures) + 1, self._publish)
        current_delivery.set(delivery)
        try:
            entry.seconds = await self.deadline.keep(task, self._handler.handle(event, delivery), delivery)
        except GeneratorExit:
            raise
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and self.ending:
                raise
            return await self._failed(entry, event, error)
        finally:
            current_delivery.set(None)
        if self._policy.dedupe_for:
            await self._ask(partial(self._log.remember, [_identity(event)], self._policy.dedupe_for))
        self.handled += 1
        entry.ending, entry.ended = _HANDLED, self._now()
        self._finished(entry)
        return None

    async def _failed(self, entry: Entry, event: DomainEvent, error: BaseException) -> float | None:
        number = len(entry.failures) + 1
        cause = cause_of(error, self._home)
        decision = after(error, number - 1, self._policy, random.random())  # noqa: S311 - a backoff is no secret
        entry.begun = 0
        if isinstance(decision, DeadLetter) or decision.failure is not None:
            self._count(Count.FAILED, 1)
            tracing.fail(type(error).__name__)
            log.warning(
                "handler failed",
                extra={**about(self._name, event), "attempt": number, "of": self._policy.max_attempts},
                exc_info=error,
            )
        if isinstance(decision, DeadLetter):
            await self._dead_letter(entry, decision.failure, cause)
            return None
        if decision.failure is not None:
            self._count(Count.RETRIED, 1)
            entry.failures += (self._failure(decision.failure, cause),)
        entry.due = self._now() + decision.seconds
        await self._ask(partial(self._log.record, [entry]))
        entry.recorded = True
        return decision.seconds

    async def _dead_letter(self, entry: Entry, reason: str, cause: Cause | None = None) -> None:
        """Dead-letter the entry for this reason, or for its last failure if that is empty."""
        if reason:
            entry.failures += (self._failure(reason, cause or cause_of_text(reason)),)
        event = entry.event
        await self._ask(partial(self._log.dead_letter, entry))
        self._dead_lettered(entry)
        self._count(Count.DEAD_LETTERED, 1)
        known = about(self._name, event) if event else {"subscription": self._name}
        log.error("event dead-lettered", extra={**known, "entry": str(entry.key), "error": entry.failures[-1].error})

    async def _decode_again(self, entry: Entry) -> DomainEvent | None:
        """Return the event of an entry that was let go of, or could not be decoded; None if it is gone."""
        if entry.content is None:
            entry.content = await self._ask(partial(self._log.content_of, entry))
            if entry.content is None:
                return None
        entry.event = self._format.decode(entry.content)
        return entry.event

    def _failure(self, line: str, cause: Cause) -> FailedAttempt:
        return FailedAttempt(datetime.fromtimestamp(self._now(), UTC), line, cause)

    def _is_stuck(self, delivery: Delivery, where: str) -> None:
        self._count(Count.STUCK, 1)
        extra = about(delivery.subscription, delivery.event)
        log.error("handler goes on after its time-out; it ignores its cancellation", extra={**extra, "where": where})


def about(subscription: str, event: DomainEvent) -> dict[str, object]:
    """Return what a log line says about an event."""
    return {
        "subscription": subscription,
        "event_id": event.id,
        "event_type": event.type,
        "correlation_id": event.correlation_id,
    }


def expired(entry: Entry, subscription: str, count: Counting, now: float) -> None:
    """Say that an entry vanished from the log before it was acknowledged; or how many did before they were read."""
    entry.ending, entry.ended = Ending.EXPIRED, now
    number = entry.expired or 1
    count(Count.EXPIRED, number)
    extra = {"subscription": subscription, "entry": str(entry.key), "number": number}
    log.error("event expired before it was handled", extra=extra)


def replica_ended(begun: float) -> FailedAttempt:
    """Return the failure of an attempt that its replica did not survive; it was begun then."""
    return FailedAttempt(datetime.fromtimestamp(begun, UTC), REPLICA_ENDED, Cause(REPLICA_DIED))


def _identity(event: DomainEvent) -> str:
    """Return what tells an event from every other (CloudEvents 1.0.2, `id`: unique together with `source`)."""
    return f"{event.source} {event.id}"
