"""The record of a job while a slice of it runs: what is planned, applied and failed. It is true at every moment."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from qontract.domain.integration import Action, Plan
from qontract.domain.jobs import JobProgress, JobResult, JobStatus


def key_of(shown: Mapping[str, Any]) -> str:
    """Return what tells an action, as a result shows it, from any other that a job may plan."""
    return sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:16]


class JobRecord:
    """Begins with what earlier slices left. Scopes go by the names of their locks."""

    def __init__(self, before: JobProgress) -> None:
        result = before.result
        self._actions = {key_of(shown): shown for shown in result.actions}
        self._applied = {key_of(shown): shown for shown in result.applied_actions}
        self._digests = [digest for digest in (result.plan_digest or "").split(".") if digest]
        self._done_before = len(before.settled) + len(before.ended)
        self._fruitless = before.fruitless
        self._settled = set(before.settled)
        self._blocked = set(before.blocked)
        self.ended = set(before.ended)
        self.errors = list(result.errors)
        self._superseded: dict[str, str] = {}
        self.removals = dict(before.removals)
        """How many memberships may still end in a scope whose plan the guards let pass."""
        self.memberships = dict(before.memberships)
        """How many each scope has."""
        for key in [key for key in self._actions if key not in self._settled]:
            del self._actions[key]  # it is planned again, or not needed any more

    def plan(self, plan: Plan[Any]) -> list[Action]:
        """Enter a plan, and return those of its actions that are not settled yet."""
        keyed = {key_of(action.shown()): action for action in plan.actions}
        open_actions = {key: action for key, action in keyed.items() if key not in self._settled}
        self._actions |= {key: action.shown() for key, action in open_actions.items()}
        return list(open_actions.values())

    def allow(self, lock: str, plan: Plan[Any]) -> None:
        """Enter that the guards let the plan of the scope pass."""
        if lock not in self.removals and plan.actions:
            self._digests.append(plan.digest)
        self.removals[lock] = plan.removes
        self.memberships[lock] = plan.memberships

    def block(self, lock: str, plan: Plan[Any], reason: str) -> None:
        """Enter that a guard stopped the plan of the scope."""
        self._digests.append(plan.digest)
        self._settled.update(key_of(action.shown()) for action in plan.actions)
        self._blocked.add(lock)
        self.memberships.pop(lock, None)
        self.errors.append(reason)

    def supersede(self, lock: str) -> None:
        """Enter that a later job may have begun in the scope."""
        self._superseded[lock] = f"{lock}: superseded, for a later request may have begun"

    def superseded(self, lock: str) -> bool:
        """Say whether a later job may have begun in the scope."""
        return lock in self._superseded

    def settled(self, action: Action) -> bool:
        """Say whether the action was applied, failed or stopped."""
        return key_of(action.shown()) in self._settled

    def settle(self, action: Action) -> None:
        """Enter that the action is not tried again."""
        self._settled.add(key_of(action.shown()))

    def apply(self, lock: str, action: Action) -> None:
        """Enter that the action was applied."""
        shown = action.shown()
        key = key_of(shown)
        self._settled.add(key)
        self._actions.setdefault(key, shown)
        self._applied[key] = shown
        for left in (self.removals, self.memberships):
            if lock in left:
                left[lock] -= len(action.removes)

    @property
    def fruitless(self) -> int:
        """How many slices in a row have done nothing, this one included."""
        return self._fruitless + 1 if self._done_before == len(self._settled) + len(self.ended) else 0

    def running(self) -> JobProgress:
        """Return how far the job is."""
        return self._progress(JobStatus.RUNNING)

    def final(self) -> JobProgress:
        """Return how the job ended."""
        if self._blocked:
            return self._progress(JobStatus.BLOCKED)
        if self.errors:
            return self._progress(JobStatus.FAILED)
        return self._progress(JobStatus.SKIPPED if self._superseded else JobStatus.SUCCESS)

    def _progress(self, status: JobStatus) -> JobProgress:
        return JobProgress(
            result=JobResult.model_construct(  # its actions are ours: to check thousands of them takes long
                status=status,
                done=len(self._applied),
                of=len(self._actions),
                actions=tuple(self._actions.values()),
                applied_actions=tuple(self._applied.values()),
                errors=(*self.errors, *self._superseded.values()),
                plan_digest=".".join(self._digests) or None,
            ),
            ended=frozenset(self.ended),
            blocked=frozenset(self._blocked),
            settled=frozenset(self._settled),
            removals=self.removals,
            memberships=self.memberships,
            fruitless=self.fruitless,
        )


def accepted(plan: Plan[Any], digests: str | None) -> bool:
    """Say whether the plan is one of those that a `plan_digest` stands for."""
    return plan.digest in _digests(digests)


def _digests(text: str | None) -> Sequence[str]:
    return [digest for digest in (text or "").split(".") if digest]
