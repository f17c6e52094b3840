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
HANDLER = """
from pydantic import Field
from qontract import Delivery, DomainEvent, EventData, EventHandler, Policy, Reject, RetryLater

class BackupData(EventData):
    seconds: int = Field(examples=[12])

class BackupDone(DomainEvent):
    type: str = "com.example.backup.done"
    data: BackupData

class Watch(EventHandler[BackupDone]):
    policy = Policy(max_attempts=3)

    async def handle(self, event: BackupDone, delivery: Delivery) -> None:
        seconds: int = event.data.seconds
        if seconds < 0:
            raise Reject("no time")
        if delivery.attempt == 1:
            raise RetryLater(seconds)
        await delivery.publish(DomainEvent(type="com.example.seen"))
"""

INTEGRATION = """
from collections.abc import Mapping
from qontract import Action, BlockedPlan, DesiredState, DomainEvent, Failure, Integration, IntegrationError, Plan
from qontract import RateLimitedError

class Desired(DesiredState[int]):
    doors: dict[str, int]

    def scopes(self) -> Mapping[str, int]:
        return self.doors

class Open(Action):
    action_type: str = "open"
    door: str

    @property
    def subject(self) -> str:
        return self.door

    @property
    def summary(self) -> str:
        return "closed → open"

class Opened(DomainEvent):
    type: str = "qontract-api.doors.open"
    data: Open

class DoorFailed(DomainEvent):
    type: str = "qontract-api.doors.error"
    data: Failure

class DoorsBlocked(DomainEvent):
    type: str = "qontract-api.doors.blocked"
    data: BlockedPlan

class Doors(Integration[int, int, Open]):
    name, desired, events = "doors", Desired, (Opened, DoorFailed, DoorsBlocked)

    def read(self, scope: str) -> int:
        raise RateLimitedError("not now", 1) if scope else IntegrationError("no")

    def plan(self, desired: int, state: int) -> Plan[Open]:
        return Plan([Open(door="front")] if desired > state else [], state)

    def apply(self, action: Open) -> None:
        door: str = action.door

    def observed(self, action: Open, state: int) -> Open | None:
        return action if state else None
"""
TEST = """
from collections.abc import Callable, Mapping
from typing import Any
import pytest
from qontract import DomainEvent, EventHandler, IntegrationError
from qontract.domain.slack_usergroups import UsergroupFailed
from qontract.testing import EventHandlerContract, InMemoryEventHandler, InMemoryEventManager, InMemorySubscriber
from qontract.testing import IntegrationContract, Outcome, deliver, example, fail, reconcile

class TestHandler(EventHandlerContract):
    @pytest.fixture
    def handler(self) -> InMemoryEventHandler:
        return InMemoryEventHandler()

def test_it(events: InMemoryEventManager) -> None:
    handler = InMemoryEventHandler()
    handler.fail("handle", IntegrationError("no"), after=True)
    workspace: str = example(UsergroupFailed, workspace="osbs").data.workspace
    outcome: Outcome = deliver(handler, *events.published)
"""


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


@pytest.mark.parametrize("code", [HANDLER, INTEGRATION, TEST], ids=["handler", "integration", "test"])
def test_code_that_uses_the_public_names_is_clean_under_mypy_strict(code: str, tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(code)
    (tmp_path / "mypy.ini").write_text("[mypy]\nplugins = pydantic.mypy\n")
    config = ("--config-file", str(tmp_path / "mypy.ini"), "--cache-dir", str(tmp_path / "cache"))
    done = run("-m", "mypy", "--strict", "--follow-imports", "silent", *config, str(tmp_path / "code.py"))
    assert done.stdout == "Success: no issues found in 1 source file\n"


def test_mypy_refuses_a_name_that_is_not_public(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text("from qontract import NotNow\n")
    config = ("--config-file", "/dev/null", "--cache-dir", str(tmp_path / "cache"))
    done = run("-m", "mypy", "--follow-imports", "silent", *config, str(tmp_path / "wrong.py"))
    assert 'Module "qontract" has no attribute "NotNow"' in done.stdout
