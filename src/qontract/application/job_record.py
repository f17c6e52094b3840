"""The record of a job while one of its slices runs: what is planned, applied and failed so far."""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from qontract.domain.integration import Action, Plan
from qontract.domain.job_views import cancelled
from qontract.domain.jobs import MAX_BYTES, MAX_ERRORS, JobProgress, JobResult, JobStatus, cut


def key_of(shown: Mapping[str, Any]) -> str:
    """Return the key of an action, as a result shows it. No two actions of a job have the same key."""
    return _key(_text(shown))


def _text(shown: Mapping[str, Any]) -> bytes:
    return json.dumps(shown, sort_keys=True).encode()


def _key(text: bytes) -> str:
    return sha256(text).hexdigest()[:16]


class JobRecord:
    """Begins with the progress of the earlier slices. Scopes have the names of their locks.

    It has the keys of all actions, but only as many whole actions and errors as a result may show.
    """

    def __init__(self, before: JobProgress) -> None:
        result = before.result
        self._applied = set(before.applied)
        self._shown: dict[str, dict[str, Any]] = {}
        self._bytes_left = MAX_BYTES
        self._digests = _digests(result.plan_digest)
        self._done_before = len(before.finished) + len(before.ended)
        self._idle_slices = before.idle_slices
        self._finished = set(before.finished)
        self._blocked = dict(before.blocked)
        self._failed = set(before.failed)
        self.ended = set(before.ended)
        self._errors = dict.fromkeys(result.errors)
        self._errors_left_out = result.errors_left_out
        self._superseded: dict[str, str] = {}
        self.cancelled_by: str | None = None
        """Who has cancelled the job: then nothing more is done."""
        self.removals = dict(before.removals)
        """How many memberships may still end in each scope whose plan the guards allowed."""
        self.memberships = dict(before.memberships)
        """How many memberships each scope has."""
        self._planned = set(before.finished)  # the others are planned again, or not needed any more
        for shown in result.actions:
            self._keep(shown, only=self._finished)

    def plan(self, plan: Plan[Any]) -> list[Action]:
        """Record a plan, and return its actions that are not finished yet."""
        unfinished = {}
        for action in plan.actions:
            key = self._keep(action.shown())
            if key not in self._finished:
                unfinished[key] = action
        self._planned.update(unfinished)
        return list(unfinished.values())

    def record_errors(self, lock: str, plan: Plan[Any]) -> None:
        """Record the errors of the plan of a scope. Call it before the plan is allowed or blocked."""
        planned_before = lock in self.removals
        if plan.errors:
            self._failed.add(lock)
        new = [error for error in plan.errors if cut(error) not in self._errors]
        self._add_errors(new[: self._errors_left], 0 if planned_before else len(new[self._errors_left :]))
        if not planned_before:
            self._errors_left_out += plan.errors_left_out

    def fail(self, error: str, lock: str | None = None) -> None:
        """Record an error, in this scope if one is given."""
        if lock is not None:
            self._failed.add(lock)
        self._add_errors((error,) if self._errors_left else (), 0 if self._errors_left else 1)

    def _add_errors(self, errors: Iterable[str], left_out: int) -> None:
        self._errors |= dict.fromkeys(map(cut, errors))
        self._errors_left_out += left_out

    @property
    def _errors_left(self) -> int:
        return MAX_ERRORS - len(self._errors)

    def _keep(self, shown: dict[str, Any], *, only: Iterable[str] | None = None) -> str:
        """Return the key of the action; keep the whole action if the result has space for it."""
        text = _text(shown)
        key = _key(text)
        if key not in self._shown and len(text) <= self._bytes_left and (only is None or key in only):
            self._shown[key] = shown
            self._bytes_left -= len(text)
        return key

    def allow(self, lock: str, plan: Plan[Any]) -> None:
        """Record that the guards allowed the plan of the scope."""
        if lock not in self.removals and plan.actions:
            self._digests.append(plan.digest)
        self.removals[lock] = plan.removes
        self.memberships[lock] = plan.memberships

    def block(self, lock: str, plan: Plan[Any], reason: str) -> None:
        """Record that a guard stopped the plan of the scope."""
        self._digests.append(plan.digest)
        self._finished.update(key_of(action.shown()) for action in plan.actions)
        self._blocked[lock] = plan.digest
        self.memberships.pop(lock, None)
        self.fail(reason)

    def supersede(self, lock: str) -> None:
        """Record that a later job may have begun in the scope."""
        self._failed.add(lock)
        self._superseded[lock] = f"{lock}: superseded, for a later request may have begun"

    def superseded(self, lock: str) -> bool:
        """Return whether a later job may have begun in the scope."""
        return lock in self._superseded

    def is_finished(self, action: Action) -> bool:
        """Return whether the action was applied, failed or was blocked."""
        return key_of(action.shown()) in self._finished

    def finish(self, action: Action) -> None:
        """Record that the action is not tried again."""
        self._finished.add(key_of(action.shown()))

    def apply(self, lock: str, action: Action) -> None:
        """Record that the action was applied."""
        key = self._keep(action.shown())
        self._finished.add(key)
        self._planned.add(key)
        self._applied.add(key)
        for left in (self.removals, self.memberships):
            if lock in left:
                left[lock] -= len(action.removes)

    @property
    def idle_slices(self) -> int:
        """How many slices in a row have done nothing, including this one."""
        return self._idle_slices + 1 if self._done_before == len(self._finished) + len(self.ended) else 0

    def running(self) -> JobProgress:
        """Return the progress of the job."""
        return self._progress(JobStatus.RUNNING)

    def final(self) -> JobProgress:
        """Return the final progress of the job."""
        if self.cancelled_by:
            return cancelled(self._progress(JobStatus.RUNNING), self.cancelled_by)
        if self._blocked:
            return self._progress(JobStatus.BLOCKED)
        if self._errors:
            return self._progress(JobStatus.FAILED)
        return self._progress(JobStatus.SKIPPED if self._superseded else JobStatus.SUCCESS)

    def _progress(self, status: JobStatus) -> JobProgress:
        applied = tuple(shown for key, shown in self._shown.items() if key in self._applied)
        return JobProgress(
            result=JobResult.model_construct(  # not validated: that would take long for thousands of actions
                status=status,
                done=len(self._applied),
                of=len(self._planned),
                actions=tuple(self._shown.values()),
                applied_actions=applied,
                errors=(*self._errors, *self._superseded.values()),
                actions_left_out=len(self._planned) - len(self._shown),
                applied_actions_left_out=len(self._applied) - len(applied),
                errors_left_out=self._errors_left_out,
                plan_digest=".".join(self._digests) or None,
            ),
            ended=frozenset(self.ended),
            failed=frozenset(self._failed),
            blocked=dict(self._blocked),
            finished=frozenset(self._finished),
            applied=frozenset(self._applied),
            removals=self.removals,
            memberships=self.memberships,
            idle_slices=self.idle_slices,
        )


def accepted(plan: Plan[Any], digests: str | None) -> bool:
    """Return whether the plan is one of those that a `plan_digest` stands for."""
    return plan.digest in _digests(digests)


def _digests(text: str | None) -> list[str]:
    return [digest for digest in (text or "").split(".") if digest]
