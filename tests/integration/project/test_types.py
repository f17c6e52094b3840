"""What authors write has the types that it says: their code is checked by mypy, all of it in one run."""

import re
import subprocess
import sys

import pytest

from tests.support.paths import ROOT

ACME = ROOT / "examples" / "acme"
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
LIVE = """
from qontract.adapters.cloudevents import Event
from qontract.entrypoints.subscriber import app, broker

@broker.subscriber("main")
async def heard(event: Event) -> None:
    print(event.subject)

reveal_type(app)
reveal_type(broker)
"""
WRONG = "from qontract import NotNow\n"


def programs(document: str) -> list[str]:
    """Return the examples of a page, each test with what it tests."""
    codes = re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)
    return ["\n".join(codes[:2]), *codes[2:]]


PAGES = {"readme": "README.md", "subscriptions": "docs/subscriptions.md", "events": "docs/events.md"}
EXAMPLES = {f"{page}_{number}": code for page, file in PAGES.items() for number, code in enumerate(programs(file))}
WRITTEN = {"a_handler": HANDLER, "an_integration": INTEGRATION, "a_test": TEST, **EXAMPLES}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What mypy says of all that is written here, and of the package of examples/acme, by that package's settings."""
    directory = tmp_path_factory.mktemp("written")
    for name, code in (WRITTEN | {"live": LIVE, "wrong": WRONG}).items():
        (directory / f"{name}.py").write_text(code)
    options = ["--strict", "--config-file", "pyproject.toml", "--cache-dir", str(directory / "cache")]
    command = [sys.executable, "-m", "mypy", *options, "src", "tests", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False, cwd=ACME)
    assert not done.stderr
    return done.stdout.splitlines()


def about(said: list[str], name: str) -> list[str]:
    """Return what is said of this file."""
    return [line for line in said if re.match(rf"(.*/)?{name}.py:", line)]


pytestmark = pytest.mark.timeout(180)  # the first test waits for mypy


@pytest.mark.parametrize("name", WRITTEN)
def test_what_uses_the_public_names_and_each_example_of_a_page_is_clean_under_mypy_strict(
    name: str, said: list[str]
) -> None:
    assert about(said, name) == []


def test_the_package_of_the_examples_is_clean_and_every_file_was_looked_at(said: list[str]) -> None:
    assert [line for line in said if line.startswith(("src/", "tests/"))] == []
    files = len([*ACME.glob("src/**/*.py"), *ACME.glob("tests/**/*.py")]) + len(WRITTEN) + 2
    assert said[-1] == f"Found 1 error in 1 file (checked {files} source files)"


def test_the_app_and_the_broker_of_the_subscriber_have_types(said: list[str]) -> None:
    app, broker = about(said, "live")
    assert ("AsgiFastStream" in app, "RedisBroker" in broker) == (True, True)


def test_a_name_that_is_not_public_is_refused(said: list[str]) -> None:
    [line] = about(said, "wrong")
    assert 'Module "qontract" has no attribute "NotNow"' in line
