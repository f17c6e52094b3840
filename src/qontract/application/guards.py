"""Guards: what stops a plan that is likely a mistake, for every integration alike."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qontract.domain.integration import Action, Plan


@dataclass(frozen=True)
class Guards:
    """How much a plan may take away before it needs `accept_plan`.

    It is stopped if it ends more than `max_removal_share` of the memberships of its scope, and at least `min_removals`;
    or if nothing is left of at least so many that the last job had read. `protected`: who is never removed, by the name
    of an integration (`github-teams`) or of a scope in it (`github-teams/acme`); letter case means nothing.
    """

    max_removal_share: float = 0.25
    min_removals: int = 10
    protected: Mapping[str, Collection[str]] = field(default_factory=dict)

    def objection(self, plan: Plan[Any], before: int | None, allowed: int = 0) -> str | None:
        """Return why the plan is to be stopped, if it is.

        `before`: the memberships that were there when they were last read; `allowed`: the removals that were let pass
        in an earlier slice of the same job, and are still to be made.
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
        """Return whom the action would remove although they are protected."""
        integration = lock.partition("/")[0]
        protected = {name.casefold() for scope in (integration, lock) for name in self.protected.get(scope, ())}
        return [name for name in action.removes if name.casefold() in protected]
