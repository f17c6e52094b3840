"""Guards: they stop a plan that is likely a mistake, in every integration."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qontract.domain.integration import Action, Plan


@dataclass(frozen=True)
class Guards:
    """How much a plan may remove without `accept_plan`.

    A plan is stopped if it removes at least `min_removals` memberships, and more than `max_removal_share` of all in its
    scope. It is also stopped if the scope has no memberships now, but had at least `min_removals` when the last job
    read it. `protected` has the people who are never removed, by integration (`github-teams`) or by scope
    (`github-teams/acme`); letter case means nothing.
    """

    max_removal_share: float = 0.25
    min_removals: int = 10
    protected: Mapping[str, Collection[str]] = field(default_factory=dict)

    def objection(self, plan: Plan[Any], before: int | None, allowed: int) -> str | None:
        """Return why the plan is stopped; None if it is not.

        `before` is how many memberships were read the last time. `allowed` is how many removals an earlier slice of the
        same job was allowed, and has not made yet.
        """
        if plan.actions and not plan.memberships and (before or 0) >= self.min_removals:
            return f"nothing is left of {before} memberships that were there before: perhaps it was read wrongly"
        if plan.removes <= allowed or plan.removes < self.min_removals:
            return None
        if plan.removes <= self.max_removal_share * plan.memberships:
            return None
        return (
            f"it would end {plan.removes} of {plan.memberships} memberships,"
            f" and more than {self.max_removal_share:.0%} are not let pass"
        )

    def protected_of(self, action: Action, lock: str) -> Sequence[str]:
        """Return the protected people whom the action would remove."""
        integration = lock.partition("/")[0]
        protected = {name.casefold() for scope in (integration, lock) for name in self.protected.get(scope, ())}
        return [name for name in action.removes if name.casefold() in protected]
