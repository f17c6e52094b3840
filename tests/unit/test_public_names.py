"""The names that the authors of handlers and integrations import."""

import ast
import inspect
from types import ModuleType

import pytest

import qontract
from qontract import testing
from qontract.adapters import memory
from qontract.application.ports import event_handler, integration
from qontract.domain import events
from qontract.domain import integration as knowledge


@pytest.mark.parametrize("name", qontract.__all__)
def test_a_public_name_is_the_object_of_its_home(name: str) -> None:
    homes = [home for home in (event_handler, events, integration, knowledge) if name in vars(home)]
    assert any(getattr(qontract, name) is getattr(home, name) for home in homes)


def test_the_names_of_handlers_and_of_integrations_are_public() -> None:
    handler = "Delivery, DomainEvent, EventData, EventHandler, Policy, Reject, RetryLater"
    integration = "Action, BlockedPlan, DesiredState, Failure, Integration, IntegrationError, Plan, RateLimitedError"
    assert set(qontract.__all__) == {*handler.split(", "), *integration.split(", ")}


@pytest.mark.parametrize("name", testing.__all__)
def test_a_name_for_tests_has_its_own_name_and_is_what_it_says(name: str) -> None:
    assert getattr(testing, name).__name__ == name


def test_every_adapter_of_a_port_in_memory_is_among_the_names_for_tests() -> None:
    ours = {name for name in memory.__all__ if name.endswith(("Usergroups", "Teams"))}  # integrations: no port's own
    assert set(memory.__all__) - ours <= set(testing.__all__)


@pytest.mark.parametrize("module", [qontract, testing])
def test_what_is_imported_when_it_is_asked_for_is_what_type_checkers_see(module: ModuleType) -> None:
    [types] = [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.If)]
    seen = {
        imported.module: {alias.name for alias in imported.names}
        for imported in types.body
        if isinstance(imported, ast.ImportFrom)
    }
    assert seen == {home: set(names) for home, names in module._HOMES.items()}
    assert sorted(module.__all__) == sorted(name for names in seen.values() for name in names)


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="module 'qontract' has no attribute 'Event'"):
        _ = qontract.Event  # type: ignore[attr-defined] # mypy sees it too
