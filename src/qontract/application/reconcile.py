"""Use case: bring the scopes of an integration to their desired state, and publish an event for each action."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qontract.application import tracing
from qontract.application.event_manager import EventManager
from qontract.application.guards import Guards
from qontract.application.job_record import JobRecord, accepted
from qontract.application.jobs import JobSlice, Unfinished
from qontract.application.pending_intents import resolve
from qontract.application.ports.integration import AnyIntegration, IntegrationError, RateLimitedError
from qontract.application.ports.intents import IntentsError
from qontract.domain.events import DomainEvent, EventData
from qontract.domain.integration import Action, BlockedPlan, DesiredState, Failure, Plan, event_of_action
from qontract.domain.jobs import Job, JobProgress

log = logging.getLogger(__name__)

_MAX_IDLE_SLICES = 30
"""How many slices in a row may do nothing: the system may answer with rate limits, but not for ever."""


def lock_of(integration: str, scope: str) -> str:
    """Return the lock of a scope."""
    return f"{integration}/{scope}"


def job(
    integration: type[AnyIntegration],
    desired: DesiredState[Any],
    *,
    correlation_id: str | None = None,
    requested_by: str | None = None,
) -> Job:
    """Return the job that reconciles the desired state. A dry run locks nothing, because it only reads."""
    name = integration.name
    return Job(
        integration=name,
        payload=desired.model_dump(mode="json"),
        locks=() if desired.dry_run else tuple(lock_of(name, scope) for scope in desired.scopes()),
        scopes=tuple(desired.scopes()),
        correlation_id=correlation_id,
        requested_by=requested_by,
        reason=desired.reason,
        traceparent=tracing.traceparent(),
    )


def reconcile(
    job: Job,
    job_slice: JobSlice,
    *,
    integration: AnyIntegration,
    events: EventManager | None = None,
    guards: Guards | None = None,
) -> JobProgress | Unfinished:
    """Plan each scope by itself and, unless it is a dry run, apply the plan and publish an event for each action.

    One call is one slice. When its time is over, or the system asks for a pause, the job continues in the next slice,
    which reads and plans again. Scopes whose locks are superseded are left out.
    """
    desired = integration.desired.model_validate(job.payload)
    record = JobRecord(job_slice.progress)
    current = _Reconciliation(
        job, job_slice, record, desired, integration, None if desired.dry_run else events, guards or Guards()
    )
    try:
        pause = current.work()
    except Exception as error:  # what was done by then stays done
        log.exception("job interrupted")
        record.fail(f"interrupted: {type(error).__name__}: {error}")
        return record.final()
    return record.final() if pause is None else Unfinished(record.running(), pause)


@dataclass(frozen=True)
class _Reconciliation:
    """One slice of a job."""

    job: Job
    job_slice: JobSlice
    record: JobRecord
    desired: DesiredState[Any]
    integration: AnyIntegration
    events: EventManager | None
    guards: Guards

    def work(self) -> float | None:
        """Work until all scopes have ended, and return None; or return the seconds until the next slice."""
        for scope, desired in self.desired.scopes().items():
            lock = lock_of(self.integration.name, scope)
            if lock in self.job_slice.superseded or lock in self.record.ended:
                continue
            try:
                over = not self._cancelled() and self._work_on_scope(lock, scope, desired)
            except RateLimitedError as error:
                if self.record.idle_slices < _MAX_IDLE_SLICES:
                    log.info("job waits for the end of a rate limit", extra={"scope": scope, "seconds": error.seconds})
                    return error.seconds
                self._fail(Failure(scope=scope, subject=scope, error=f"given up after many pauses: {error}"))
                over = False
            except (IntegrationError, IntentsError) as error:
                self._fail(Failure(scope=scope, subject=scope, error=str(error)))
                over = False
            if over:
                return 0
            if self.record.cancelled_by:
                return None
            self.record.ended.add(lock)
        return None

    def _work_on_scope(self, lock: str, scope: str, desired: object) -> bool:
        """Bring one scope to its desired state; return whether the time of the slice was over before that."""
        with tracing.reading(self.integration.name, scope):
            state = self.integration.read(scope)
        if self.events and not self._resolved(lock, state, self.events):
            return False
        plan = self.integration.plan(desired, state)
        actions = self.record.plan(plan)
        self.record.record_errors(lock, plan)
        if self._blocked(lock, scope, plan):
            return False
        if self.desired.dry_run:
            for action in actions:
                self.record.finish(action)
            return False
        not_created = {action.subject for action in plan.actions if action.creates and self.record.is_finished(action)}
        return self._apply_all(lock, scope, actions, not_created)

    def _resolved(self, lock: str, state: object, events: EventManager) -> bool:
        """Resolve the pending intents of earlier runs in the scope; return whether the lock is still held.

        Raises IntentsError if they cannot be read: then nothing may be changed yet.
        """
        if not self.job_slice.holds(lock):  # reading may have taken so long that another job has begun
            self.record.supersede(lock)
            return False
        try:
            pending = events.pending().get(lock, ())
        except IntentsError as error:
            raise IntentsError(f"not begun, for what earlier runs left pending cannot be read: {error}") from error
        for event in resolve(pending, state, self.integration, events):
            if event.correlation_id == self.job.correlation_id is not None and isinstance(event.data, Action):
                self.record.apply(lock, event.data)  # by an earlier slice of this job, whose worker died
        return True

    def _apply_all(self, lock: str, scope: str, actions: Sequence[Action], not_created: set[str]) -> bool:
        """Apply the actions whose subjects exist; return whether the time of the slice was over before the last."""
        for number, action in enumerate(actions, 1):
            if self._cancelled():
                return False
            if not_created.intersection((action.subject, *action.needs)):
                self._give_up(scope, action, "not tried, for what it needs could not be created")
            elif names := self.guards.protected_of(action, lock):
                self._give_up(scope, action, f"not tried, for it would remove {', '.join(names)}, who is protected")
            elif not self._apply_traced(lock, scope, action):
                if self.record.superseded(lock):
                    return False
                not_created.update({action.subject} if action.creates else ())
            self.job_slice.show(self.record.running)
            if self.job_slice.over and number < len(actions):
                return True
        return False

    def _blocked(self, lock: str, scope: str, plan: Plan[Action]) -> bool:
        """Return whether a guard stops the plan; if so, record and publish that."""
        before = self.record.memberships.get(lock, self.job_slice.memberships(lock))
        reason = self.guards.objection(plan, before, self.record.removals.get(lock, 0))
        if reason is None or accepted(plan, self.desired.accept_plan):
            self.record.allow(lock, plan)
            return False
        if self.desired.accept_plan:
            reason = (
                f"{reason}; `accept_plan` (--accept-plan) is of another plan: the digest of this one is {plan.digest}"
            )
        self.record.block(lock, plan, f"{scope}: blocked: {reason}")
        log.error("plan blocked", extra={"scope": scope, "reason": reason, "plan_digest": plan.digest})
        blocked = BlockedPlan(
            scope=scope,
            reason=reason,
            plan_digest=plan.digest,
            removes=plan.removes,
            memberships=plan.memberships,
            actions=tuple(action.shown() for action in plan.actions),
        )
        self._publish(self._event(blocked, scope))
        return True

    def _apply_traced(self, lock: str, scope: str, action: Action) -> bool:
        with tracing.applying(self.integration.name, scope, action.action_type, action.subject):
            applied = self._apply(lock, scope, action)
            if not applied:
                tracing.fail("not_applied")
        return applied

    def _apply(self, lock: str, scope: str, action: Action) -> bool:
        """Apply the action and publish its event; return whether it is applied.

        It is not applied if its intent cannot be recorded. Raises RateLimitedError: then it is not applied, and is
        tried again.
        """
        event = self._event(action, action.subject)
        if self.events and not self.events.intend(lock, event):
            self._give_up(scope, action, "not begun, for its event could be kept nowhere: neither in Redis nor here")
            return False
        try:
            if not self.job_slice.holds(lock):  # checked last before the call
                self._not_applied(event)
                self.record.supersede(lock)
                return False
            self.integration.apply(action)
        except RateLimitedError:
            self._not_applied(event)
            raise
        except IntegrationError as error:
            self._give_up(scope, action, str(error))
            return False
        self._publish(event)
        self.record.apply(lock, action)
        log.info("action applied", extra={"action_type": action.action_type, "subject": action.subject})
        return True

    def _not_applied(self, event: DomainEvent) -> None:
        if self.events:
            self.events.resolve((), (event,))

    def _give_up(self, scope: str, action: Action, error: str) -> None:
        self.record.finish(action)
        self._fail(Failure(scope=scope, subject=action.subject, action_type=action.action_type, error=error))

    def _cancelled(self) -> bool:
        """Return whether somebody has cancelled the job, and record who."""
        self.record.cancelled_by = self.record.cancelled_by or self.job_slice.cancelled_by()
        return self.record.cancelled_by is not None

    def _fail(self, failure: Failure) -> None:
        self._publish(self._event(self.integration.failure(failure), failure.subject))
        self.record.fail(f"{failure.subject}: {failure.error}", lock_of(self.integration.name, failure.scope))
        log.error("action failed" if failure.action_type else "scope failed", extra=failure.model_dump())

    def _event(self, data: EventData, subject: str) -> DomainEvent:
        event = event_of_action(
            self.integration.events,
            data,
            subject=subject,
            correlation_id=self.job.correlation_id,
            extensions=_who_and_why(self.job),
        )
        return tracing.with_creation_span(event) if self.events else event

    def _publish(self, event: DomainEvent) -> None:
        if self.events:
            self.events.publish_event(event)


def _who_and_why(job: Job) -> Mapping[str, str]:
    """Return the extension attributes that say who asked for the job, and why (CloudEvents' auth context)."""
    who = {"authtype": "unknown", "authid": job.requested_by} if job.requested_by else {}
    return who | ({"reason": job.reason} if job.reason else {})
