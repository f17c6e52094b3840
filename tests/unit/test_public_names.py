"""The names that the author of a handler imports."""

import subprocess
import sys
from pathlib import Path

import pytest

import qontract
from qontract.application.ports import event_handler
from qontract.domain import events

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


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=50, check=False, cwd=ROOT)


@pytest.mark.parametrize("name", qontract.__all__)
def test_a_public_name_is_the_object_of_its_home(name: str) -> None:
    homes = [home for home in (event_handler, events) if name in vars(home)]
    assert any(getattr(qontract, name) is getattr(home, name) for home in homes)


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="module 'qontract' has no attribute 'Event'"):
        _ = qontract.Event  # type: ignore[attr-defined] # mypy sees it too


def test_importing_the_package_imports_neither_pydantic_nor_any_module_of_it() -> None:
    code = "import qontract, sys; print([name for name in sys.modules if name.startswith(('pydantic', 'qontract.'))])"
    done = run("-c", code)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_star_import_gives_every_public_name() -> None:
    done = run("-c", "from qontract import *; print(sorted(name for name in dir() if name[0] != '_'))")
    assert done.stdout == f"{sorted(qontract.__all__)}\n"


def test_a_handler_that_uses_the_public_names_is_clean_under_mypy_strict(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text(HANDLER)
    (tmp_path / "mypy.ini").write_text("[mypy]\nplugins = pydantic.mypy\n")
    config = ("--config-file", str(tmp_path / "mypy.ini"), "--cache-dir", str(tmp_path / "cache"))
    done = run("-m", "mypy", "--strict", "--follow-imports", "silent", *config, str(tmp_path / "handler.py"))
    assert done.stdout == "Success: no issues found in 1 source file\n"


def test_mypy_refuses_a_name_that_is_not_public(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text("from qontract import NotNow\n")
    config = ("--config-file", "/dev/null", "--cache-dir", str(tmp_path / "cache"))
    done = run("-m", "mypy", "--follow-imports", "silent", *config, str(tmp_path / "wrong.py"))
    assert 'Module "qontract" has no attribute "NotNow"' in done.stdout
