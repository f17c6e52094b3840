"""The names that the authors of handlers and integrations import."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import qontract
from qontract import testing
from qontract.adapters import memory
from qontract.application.ports import event_handler, integration
from qontract.domain import events
from qontract.domain import integration as knowledge

ROOT = Path(__file__).parents[2]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=50, check=False, cwd=ROOT)


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


@pytest.mark.parametrize("module", ["qontract", "qontract.testing"])
def test_importing_the_package_imports_neither_pydantic_nor_pytest_nor_any_other_module_of_it(module: str) -> None:
    code = f"import {module}, sys; print([m for m in sys.modules if m.startswith(('pydantic', 'pytest', 'qontract.'))])"
    done = run("-c", code)
    assert (done.stdout, done.stderr) == (f"{[module] if '.' in module else []}\n", "")


def test_only_the_contracts_and_the_plugin_need_pytest() -> None:
    names = [name for name in testing.__all__ if not name.endswith("Contract")]
    code = f"import sys; sys.modules['pytest'] = None; from qontract.testing import {', '.join(names)}"
    done = run("-c", code)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_star_import_gives_every_public_name() -> None:
    done = run("-c", "from qontract import *; print(sorted(name for name in dir() if name[0] != '_'))")
    assert done.stdout == f"{sorted(qontract.__all__)}\n"
