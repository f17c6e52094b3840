"""The contract of runs of an integration: actions, events, failures, and what happens after a crash."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from qontract.adapters.memory.faults import fail
from qontract.application.guards import Guards
from qontract.application.pending_intents import recover
from qontract.application.ports.integration import AnyIntegration, IntegrationError, RateLimitedError
from qontract.application.reconcile import lock_of
from qontract.domain.integration import Action, BlockedPlan, Failure, Plan
from qontract.domain.jobs import JobStatus
from qontract.testing.contracts.integration_knowledge import Desired, only_scope, planned
from qontract.testing.event_manager import InMemoryEventManager
from qontract.testing.reconciling import reconcile

RUN = {"dry_run": False}


class Death(BaseException):
    """The worker is killed: nothing of it runs after this."""


@dataclass(frozen=True)
class NothingPasses(Guards):
    """Guards that stop every plan with actions."""

    def objection(self, plan: Plan[Any], before: int | None, allowed: int) -> str | None:  # noqa: ARG002
        """Return a reason."""
        return "nothing passes" if plan.actions else None


def kinds_of(actions: list[Action]) -> Counter[tuple[str, str]]:
    """Return how many actions there are of each kind and subject."""
    return Counter((action.action_type, action.subject) for action in actions)


def applied(events: InMemoryEventManager) -> Counter[tuple[str, str]]:
    """Return the same for the actions whose events were published."""
    return kinds_of([event.data for event in events.published if isinstance(event.data, Action)])


class IntegrationRunsContract:
    """A part of IntegrationContract."""

    def test_a_dry_run_says_what_it_would_do_and_changes_and_publishes_nothing(
        self, integration: AnyIntegration, desired: Desired, events: InMemoryEventManager
    ) -> None:
        before = planned(integration, desired)
        result = reconcile(integration, {**desired, "dry_run": True}, events=events)
        assert (result.status, result.errors) == (JobStatus.SUCCESS, ())
        assert list(result.actions) == [action.shown() for action in before]
        assert (result.applied_actions, events.published) == ((), ())
        assert planned(integration, desired) == before

    def test_each_applied_action_is_published_once(
        self, integration: AnyIntegration, desired: Desired, events: InMemoryEventManager
    ) -> None:
        actions = planned(integration, desired)
        result = reconcile(integration, desired, events=events, correlation_id="request-1", requested_by="alice")
        assert (result.status, result.errors) == (JobStatus.SUCCESS, ())
        assert (result.done, result.of) == (len(actions), len(actions))
        assert [event.data for event in events.published] == actions
        assert [event.subject for event in events.published] == [action.subject for action in actions]
        assert {event.correlation_id for event in events.published} == {"request-1"}
        assert events.pending() == {}

    def test_a_second_run_has_nothing_to_do(
        self, integration: AnyIntegration, desired: Desired, events: InMemoryEventManager
    ) -> None:
        reconcile(integration, desired, events=events)
        published = events.published
        result = reconcile(integration, desired, events=events)
        assert (result.status, result.actions, result.errors) == (JobStatus.SUCCESS, (), ())
        assert events.published == published

    def test_a_failing_action_does_not_stop_the_others(
        self, integration: AnyIntegration, desired: Desired, events: InMemoryEventManager
    ) -> None:
        first, *others = planned(integration, desired)
        fail(integration, "apply", IntegrationError("not today"))
        result = reconcile(integration, desired, events=events)
        left = [
            action for action in others if not first.creates or first.subject not in (action.subject, *action.needs)
        ]
        assert left, "`desired` has only actions that need the first one"
        assert result.status is JobStatus.FAILED
        assert result.errors[0] == f"{first.subject}: not today"
        assert applied(events) == kinds_of(left)
        failure = integration.failure(Failure(scope="a", subject="b", error="c"))
        failures = [event for event in events.published if type(event.data) is type(failure)]
        assert [event.subject for event in failures[:1]] == [first.subject]

    def test_a_scope_that_cannot_be_read_is_an_event_and_nothing_of_it_is_changed(
        self, integration: AnyIntegration, desired: Desired, events: InMemoryEventManager
    ) -> None:
        before = planned(integration, desired)
        fail(integration, "read", IntegrationError("no answer"))
        result = reconcile(integration, desired, events=events)
        assert result.errors == (f"{only_scope(integration, desired)[0]}: no answer",)
        assert len(events.published) == 1
        assert planned(integration, desired) == before

    @pytest.mark.parametrize("method", ["read", "apply"])
    def test_what_meets_a_rate_limit_is_tried_again(
        self, integration: AnyIntegration, desired: Desired, events: InMemoryEventManager, method: str
    ) -> None:
        actions = planned(integration, desired)
        fail(integration, method, RateLimitedError("too many requests", 30), times=2)
        result = reconcile(integration, desired, events=events)
        assert (result.status, result.errors) == (JobStatus.SUCCESS, ())
        assert applied(events) == kinds_of(actions)
        assert events.pending() == {}

    def test_a_plan_that_a_guard_stops_is_an_event_and_its_digest_lets_it_pass(
        self, integration: AnyIntegration, desired: Desired, events: InMemoryEventManager
    ) -> None:
        actions = planned(integration, desired)
        blocked = reconcile(integration, desired, events=events, guards=NothingPasses())
        assert (blocked.status, blocked.applied_actions) == (JobStatus.BLOCKED, ())
        assert planned(integration, desired) == actions
        assert [type(event.data) for event in events.published] == [BlockedPlan]
        accepted = {**desired, "accept_plan": blocked.plan_digest}
        result = reconcile(integration, accepted, events=events, guards=NothingPasses())
        assert (result.status, len(result.applied_actions)) == (JobStatus.SUCCESS, len(actions))

    def test_two_scopes_have_nothing_to_do_with_each_other(
        self, integration: AnyIntegration, desired: Desired, elsewhere: Desired
    ) -> None:
        there = planned(integration, elsewhere)
        assert there, "`elsewhere` takes no action"
        assert not {action.subject for action in there} & {
            action.subject for action in planned(integration, desired)
        }, "a subject begins with its scope"
        reconcile(integration, desired)
        assert planned(integration, elsewhere) == there
        reconcile(integration, elsewhere)
        assert planned(integration, desired) == planned(integration, elsewhere) == []


class IntegrationDeathsContract:
    """A part of IntegrationContract: a worker dies before an action is applied, or after it."""

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    def test_if_a_worker_dies_the_next_job_publishes_each_action_once(
        self, integration: AnyIntegration, desired: Desired, events: InMemoryEventManager, *, after: bool
    ) -> None:
        actions = planned(integration, desired)
        self._die(integration, desired, events, after=after)
        result = reconcile(integration, desired, events=events)
        assert (result.status, result.errors) == (JobStatus.SUCCESS, ())
        assert applied(events) == kinds_of(actions)
        assert (planned(integration, desired), events.pending()) == ([], {})

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    def test_if_no_job_comes_the_recovery_publishes_what_was_applied_once_and_nothing_else(
        self, integration: AnyIntegration, desired: Desired, events: InMemoryEventManager, *, after: bool
    ) -> None:
        actions = planned(integration, desired)
        scope, _ = only_scope(integration, desired)
        self._die(integration, desired, events, after=after)
        for _ in range(2):
            recover(lock_of(integration.name, scope), integration=integration, events=events)
        assert applied(events) == kinds_of(actions[:1] if after else [])
        assert events.pending() == {}

    def test_an_answer_that_was_lost_is_a_failure_and_what_was_applied_is_published_all_the_same(
        self, integration: AnyIntegration, desired: Desired, events: InMemoryEventManager
    ) -> None:
        actions = planned(integration, desired)
        fail(integration, "apply", IntegrationError("no answer"), after=True)
        assert reconcile(integration, desired, events=events).status is JobStatus.FAILED
        assert reconcile(integration, desired, events=events).status is JobStatus.SUCCESS
        assert applied(events) == kinds_of(actions)

    def _die(
        self, integration: AnyIntegration, desired: Mapping[str, Any], events: InMemoryEventManager, *, after: bool
    ) -> None:
        fail(integration, "apply", Death(), after=after)
        with pytest.raises(Death):
            reconcile(integration, desired, events=events)
        assert applied(events) == kinds_of([])
