"""The contract of Integration for scopes, plans, actions and events."""

import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from qontract.application.ports.integration import AnyIntegration, IntegrationError
from qontract.domain.events import catalogue, read_event, wire_name
from qontract.domain.integration import Action, event_of_action
from qontract.testing.examples import example

Desired = Mapping[str, Any]

NOWHERE = "there-is-no-such-scope"


def only_scope(integration: AnyIntegration, desired: Desired) -> tuple[str, Any]:
    """Return the name and the desired state of the one scope of a request."""
    [(scope, wanted)] = integration.desired.model_validate(desired).scopes().items()
    return scope, wanted


def planned(integration: AnyIntegration, desired: Desired) -> list[Action]:
    """Return the actions of the plan now."""
    scope, wanted = only_scope(integration, desired)
    return list(integration.plan(wanted, integration.read(scope)).actions)


class IntegrationKnowledgeContract:
    """A part of IntegrationContract."""

    def test_the_request_is_json_and_says_its_scopes_and_is_a_dry_run_unless_it_says_otherwise(
        self, integration: AnyIntegration, desired: Desired
    ) -> None:
        model = integration.desired.model_validate_json(json.dumps(desired))
        assert model.dry_run
        assert len(model.scopes()) == 1
        assert integration.desired.model_validate_json(model.model_dump_json()) == model

    def test_a_field_that_the_request_does_not_have_is_refused(
        self, integration: AnyIntegration, desired: Desired
    ) -> None:
        with pytest.raises(ValidationError):
            integration.desired.model_validate({**desired, "no_such_field": 1})

    def test_an_unknown_scope_is_an_error_that_names_it(self, integration: AnyIntegration) -> None:
        with pytest.raises(IntegrationError, match=NOWHERE):
            integration.read(NOWHERE)

    def test_a_plan_is_the_same_twice_and_leaves_the_state_as_it_is(
        self, integration: AnyIntegration, desired: Desired
    ) -> None:
        scope, wanted = only_scope(integration, desired)
        state = integration.read(scope)
        before = deepcopy(state)
        first = integration.plan(wanted, state)
        assert len({action.subject for action in first.actions}) > 1, "`desired` is to take two actions at least"
        assert integration.plan(wanted, state) == first == integration.plan(wanted, before)
        assert integration.plan(wanted, integration.read(scope)).digest == first.digest
        assert first.removes <= first.memberships

    def test_no_two_actions_of_a_plan_are_equal(self, integration: AnyIntegration, desired: Desired) -> None:
        shown = [json.dumps(action.shown(), sort_keys=True) for action in planned(integration, desired)]
        assert len(set(shown)) == len(shown)

    def test_every_action_has_a_subject_and_one_line_that_says_what_changes(
        self, integration: AnyIntegration, desired: Desired
    ) -> None:
        for action in planned(integration, desired):
            assert action.subject.strip()
            assert action.summary.strip()
            assert len((action.subject + action.summary).splitlines()) == 1

    def test_an_action_shows_only_after_it_was_applied(self, integration: AnyIntegration, desired: Desired) -> None:
        scope, _ = only_scope(integration, desired)
        actions = planned(integration, desired)
        for action in actions:
            assert integration.observed(action, integration.read(scope)) is None, f"not applied yet: {action}"
            integration.apply(action)
            observed = integration.observed(action, integration.read(scope))
            assert observed, f"applied: {action}"
            assert (observed.action_type, observed.subject) == (action.action_type, action.subject)
        assert planned(integration, desired) == []

    def test_each_event_type_is_named_after_the_integration_and_is_in_the_catalogue(
        self, integration: AnyIntegration
    ) -> None:
        for event_type in integration.events:
            name = wire_name(event_type)
            assert re.fullmatch(rf"qontract-api\.{re.escape(integration.name)}\.[a-z0-9_]+", name)
            assert catalogue()[name] is event_type

    def test_the_event_of_an_action_is_named_after_it_and_is_read_as_it_was_written(
        self, integration: AnyIntegration, desired: Desired
    ) -> None:
        for action in planned(integration, desired):
            event = event_of_action(integration.events, action, subject=action.subject)
            assert event.type == f"qontract-api.{integration.name}.{action.action_type}"
            assert read_event(event.model_dump_json()) == event

    def test_an_example_can_be_made_of_each_event(self, integration: AnyIntegration) -> None:
        for event_type in integration.events:
            made = example(event_type)
            assert read_event(made.model_dump_json()) == made

    def test_it_is_read_from_any_thread(self, integration: AnyIntegration, desired: Desired) -> None:
        with ThreadPoolExecutor(4) as threads:
            plans = list(threads.map(lambda _: planned(integration, desired), range(8)))
        assert plans == [plans[0]] * 8

    def test_after_close_it_goes_on(self, integration: AnyIntegration, desired: Desired) -> None:
        before = planned(integration, desired)
        integration.close()
        assert planned(integration, desired) == before
