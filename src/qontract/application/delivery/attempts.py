"""One attempt at an entry: run the handler under its policy, and record the result."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from typing import Any

from qontract.application import tracing
from qontract.application.delivery.counts import CountDelivery, DeliveryCount, report_expired
from qontract.application.delivery.deadline import Deadline
from qontract.application.delivery.lease import Lease
from qontract.application.delivery.retries import GiveUp, cause_of, decide_retry, describe_error
from qontract.application.delivery.subscription import Subscription
from qontract.application.ports.event_format import EventFormat
from qontract.application.ports.event_handler import Delivery
from qontract.application.ports.event_log import Entry, EventLog, LeaseLostError
from qontract.domain.dead_letters import FailedAttempt
from qontract.domain.delivery_outcomes import DeliveryOutcome
from qontract.domain.events import DomainEvent, wire_name
from qontract.domain.failure_causes import REPLICA_DIED, REPLICA_ENDED, Cause, cause_of_text

log = logging.getLogger(__name__)

current_delivery: ContextVar[Delivery | None] = ContextVar("current_delivery", default=None)
"""The delivery of the running handler: its log lines get their fields from it."""

_HANDLED = DeliveryOutcome.HANDLED  # faster than a look-up in the class

_SOON = 0.001
"""An entry that is due within so many seconds is due now: two clocks never agree exactly."""

Publish = Callable[[Delivery, DomainEvent], Awaitable[None]]


AskEventLog = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]


class Attempts:
    """Runs the handler of one subscription on one entry at a time in each task.

    - `ask` calls the event log until it answers.
    - `finished` is called with each entry to acknowledge, and `dead_lettered` with each dead-lettered one.
    - With a `lease`, no attempt begins unless it is valid.
    - `now` returns the seconds since the epoch.
    - `stopping` is set before its tasks are cancelled, because this replica stops, or does not lead any more.
    """

    def __init__(
        self,
        subscription: Subscription,
        event_log: EventLog,
        event_format: EventFormat,
        *,
        ask: AskEventLog,
        publish: Publish,
        finished: Callable[[Entry], object],
        dead_lettered: Callable[[Entry], object],
        lease: Lease | None,
        count: CountDelivery,
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
        self.stopping = False

    async def run(self, entry: Entry, task: asyncio.Task[Any]) -> float | None:
        """Run the handler in `task`, the current one, if the entry is due.

        Return None if the entry has ended, else after how many seconds to call this again.
        """
        if entry.due and (wait := entry.due - self._now()) > _SOON:
            return wait
        self._check_lease()
        event = entry.event
        if event is None or self._asks_before or entry.failures or entry.redelivered or entry.recorded:
            event = await self._prepare(entry)
            if event is None:
                return None
            self._check_lease()  # again: the log may have been slow, or this process may have been stopped for a while
        if not tracing.enabled():
            return await self._attempt(entry, event, task)
        with tracing.attempt(self._name, event, len(entry.failures) + 1):
            return await self._attempt(entry, event, task)

    async def _prepare(self, entry: Entry) -> DomainEvent | None:
        """Record that the attempt begins, and return the event; None if the entry has ended."""
        reason, event = await self._check(entry)
        if reason is not None:
            await self._dead_letter(entry, reason)
            return None
        if event is None:
            report_expired(entry, self._name, self._count, self._now())
            self._finished(entry)
            return None
        if self._policy.dedupe_for and await self._is_known(event):
            self._count(DeliveryCount.DEDUPLICATED, 1)
            entry.outcome, entry.ended = DeliveryOutcome.DEDUPLICATED, self._now()
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

    async def _check(self, entry: Entry) -> tuple[str | None, DomainEvent | None]:
        """Return the reason to dead-letter the entry, or None; and its event, or None if it is gone from the log."""
        if len(entry.failures) >= self._policy.max_attempts:  # the replica died during the last one
            return "", None
        try:
            event = entry.event or await self._decode_again(entry)
        except ValueError as error:
            return f"cannot be read: {describe_error(error)}", None
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
            entry.seconds = await self.deadline.run(task, self._handler.handle(event, delivery), delivery)
        except GeneratorExit:
            raise
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and self.stopping:
                raise
            return await self._failed(entry, event, error)
        finally:
            current_delivery.set(None)
        if self._policy.dedupe_for:
            await self._ask(partial(self._log.remember, [_identity(event)], self._policy.dedupe_for))
        self.handled += 1
        entry.outcome, entry.ended = _HANDLED, self._now()
        self._finished(entry)
        return None

    async def _failed(self, entry: Entry, event: DomainEvent, error: BaseException) -> float | None:
        number = len(entry.failures) + 1
        cause = cause_of(error, self._home)
        decision = decide_retry(error, number - 1, self._policy, random.random())  # noqa: S311 - a backoff is no secret
        entry.begun = 0
        if isinstance(decision, GiveUp) or decision.failure is not None:
            self._count(DeliveryCount.FAILED, 1)
            tracing.fail(type(error).__name__)
            log.warning(
                "attempt failed",
                extra={**log_fields(self._name, event), "attempt": number, "max_attempts": self._policy.max_attempts},
                exc_info=error,
            )
        if isinstance(decision, GiveUp):
            await self._dead_letter(entry, decision.failure, cause)
            return None
        if decision.failure is not None:
            self._count(DeliveryCount.RETRIED, 1)
            entry.failures += (self._failure(decision.failure, cause),)
        entry.due = self._now() + decision.seconds
        await self._ask(partial(self._log.record, [entry]))
        entry.recorded = True
        return decision.seconds

    async def _dead_letter(self, entry: Entry, reason: str, cause: Cause | None = None) -> None:
        """Dead-letter the entry for this reason; if it is empty, for its last failure."""
        if reason:
            entry.failures += (self._failure(reason, cause or cause_of_text(reason)),)
        event = entry.event
        await self._ask(partial(self._log.dead_letter, entry))
        self._dead_lettered(entry)
        self._count(DeliveryCount.DEAD_LETTERED, 1)
        known = log_fields(self._name, event) if event else {"subscription": self._name}
        log.error("event dead-lettered", extra={**known, "entry": str(entry.key), "error": entry.failures[-1].error})

    async def _decode_again(self, entry: Entry) -> DomainEvent | None:
        """Return the event of an entry that was evicted, or could not be decoded; None if it is gone."""
        if entry.content is None:
            entry.content = await self._ask(partial(self._log.content_of, entry))
            if entry.content is None:
                return None
        entry.event = self._format.decode(entry.content)
        return entry.event

    def _failure(self, line: str, cause: Cause) -> FailedAttempt:
        return FailedAttempt(datetime.fromtimestamp(self._now(), UTC), line, cause)

    def _is_stuck(self, delivery: Delivery, where: str) -> None:
        self._count(DeliveryCount.STUCK, 1)
        extra = log_fields(delivery.subscription, delivery.event)
        log.error("handler is stuck; it goes on after its time-out", extra={**extra, "where": where})


def log_fields(subscription: str, event: DomainEvent) -> dict[str, object]:
    """Return the fields of a log line about an event."""
    return {
        "subscription": subscription,
        "event_id": event.id,
        "event_type": event.type,
        "correlation_id": event.correlation_id,
    }


def replica_ended_failure(begun: float) -> FailedAttempt:
    """Return the failure of an attempt during which the replica died. The attempt was `begun` then."""
    return FailedAttempt(datetime.fromtimestamp(begun, UTC), REPLICA_ENDED, Cause(REPLICA_DIED))


def _identity(event: DomainEvent) -> str:
    """Return what identifies an event: source and id together (CloudEvents 1.0.2, `id`)."""
    return f"{event.source} {event.id}"


def fail_begun_attempt(entry: Entry) -> None:
    """Decide whether a claimed entry may have killed the replica that had it.

    An attempt that began and did not end counts as failed. Without a record, nobody knows whether an attempt began.
    """
    entry.suspect = not entry.recorded or entry.begun > 0
    if entry.begun:
        entry.failures, entry.begun = (*entry.failures, replica_ended_failure(entry.begun)), 0
