"""The record of a job while a slice of it runs: what is planned, applied and failed. It is true at every moment."""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from qontract.domain.integration import Action, Plan
from qontract.domain.jobs import MOST_BYTES, MOST_ERRORS, JobProgress, JobResult, JobStatus, cut
from qontract.domain.kept_jobs import cancelled


def key_of(shown: Mapping[str, Any]) -> str:
    """Return what tells an action, as a result shows it, from any other that a job may plan."""
    return _key(_text(shown))


def _text(shown: Mapping[str, Any]) -> bytes:
    return json.dumps(shown, sort_keys=True).encode()


def _key(text: bytes) -> str:
    return sha256(text).hexdigest()[:16]


class JobRecord:
    """Begins with what earlier slices left. Scopes go by the names of their locks.

    It knows all actions by their keys, and has as many of them and of the errors whole as a result may show.
    """

    def __init__(self, before: JobProgress) -> None:
        result = before.result
        self._applied = set(before.applied)
        self._shown: dict[str, dict[str, Any]] = {}
        self._room = MOST_BYTES
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
        """Who has cancelled the job: nothing more is done."""
        self.removals = dict(before.removals)
        """How many memberships may still end in a scope whose plan the guards let pass."""
        self.memberships = dict(before.memberships)
        """How many each scope has."""
        self._planned = set(before.finished)  # the others are planned again, or not needed any more
        for shown in result.actions:
            self._keep(shown, only=self._finished)

    def plan(self, plan: Plan[Any]) -> list[Action]:
        """Enter a plan, and return those of its actions that are not settled yet."""
        open_actions = {}
        for action in plan.actions:
            key = self._keep(action.shown())
            if key not in self._finished:
                open_actions[key] = action
        self._planned.update(open_actions)
        return list(open_actions.values())

    def record_errors(self, lock: str, plan: Plan[Any]) -> None:
        """Enter what the plan of the scope cannot reach; before it is allowed or blocked."""
        planned_before = lock in self.removals
        if plan.errors:
            self._failed.add(lock)
        new = [error for error in plan.errors if cut(error) not in self._errors]
        self._enter(new[: self._room_for_errors], 0 if planned_before else len(new[self._room_for_errors :]))
        if not planned_before:
            self._errors_left_out += plan.errors_left_out

    def fail(self, error: str, lock: str | None = None) -> None:
        """Enter a sentence that says what failed, in this scope."""
        if lock is not None:
            self._failed.add(lock)
        self._enter((error,) if self._room_for_errors else (), 0 if self._room_for_errors else 1)

    def _enter(self, errors: Iterable[str], left_out: int) -> None:
        self._errors |= dict.fromkeys(map(cut, errors))
        self._errors_left_out += left_out

    @property
    def _room_for_errors(self) -> int:
        return MOST_ERRORS - len(self._errors)

    def _keep(self, shown: dict[str, Any], *, only: Iterable[str] | None = None) -> str:
        """Keep the action whole if there is room, and return its key."""
        text = _text(shown)
        key = _key(text)
        if key not in self._shown and len(text) <= self._room and (only is None or key in only):
            self._shown[key] = shown
            self._room -= len(text)
        return key

    def allow(self, lock: str, plan: Plan[Any]) -> None:
        """Enter that the guards let the plan of the scope pass."""
        if lock not in self.removals and plan.actions:
            self._digests.append(plan.digest)
        self.removals[lock] = plan.removes
        self.memberships[lock] = plan.memberships

    def block(self, lock: str, plan: Plan[Any], reason: str) -> None:
        """Enter that a guard stopped the plan of the scope."""
        self._digests.append(plan.digest)
        self._finished.update(key_of(action.shown()) for action in plan.actions)
        self._blocked[lock] = plan.digest
        self.memberships.pop(lock, None)
        self.fail(reason)

    def supersede(self, lock: str) -> None:
        """Enter that a later job may have begun in the scope."""
        self._failed.add(lock)
        self._superseded[lock] = f"{lock}: superseded, for a later request may have begun"

    def superseded(self, lock: str) -> bool:
        """Say whether a later job may have begun in the scope."""
        return lock in self._superseded

    def is_finished(self, action: Action) -> bool:
        """Say whether the action was applied, failed or stopped."""
        return key_of(action.shown()) in self._finished

    def finish(self, action: Action) -> None:
        """Enter that the action is not tried again."""
        self._finished.add(key_of(action.shown()))

    def apply(self, lock: str, action: Action) -> None:
        """Enter that the action was applied."""
        key = self._keep(action.shown())
        self._finished.add(key)
        self._planned.add(key)
        self._applied.add(key)
        for left in (self.removals, self.memberships):
            if lock in left:
                left[lock] -= len(action.removes)

    @property
    def idle_slices(self) -> int:
        """How many slices in a row have done nothing, this one included."""
        return self._idle_slices + 1 if self._done_before == len(self._finished) + len(self.ended) else 0

    def running(self) -> JobProgress:
        """Return how far the job is."""
        return self._progress(JobStatus.RUNNING)

    def final(self) -> JobProgress:
        """Return how the job ended."""
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
            result=JobResult.model_construct(  # its actions are ours: to check thousands of them takes long
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
    """Say whether the plan is one of those that a `plan_digest` stands for."""
    return plan.digest in _digests(digests)


def _digests(text: str | None) -> list[str]:
    return [digest for digest in (text or "").split(".") if digest]
