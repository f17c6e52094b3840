"""The fixtures of pytest's plugin."""

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.support.paths import ROOT

TESTS = """
import pytest
from qontract import Delivery, DomainEvent, EventHandler
from qontract.entrypoints.container import get_container
from qontract.testing import InMemoryEventHandler

containers = []

class Chain(EventHandler):
    types = ("a.b",)

    async def handle(self, event, delivery):
        await delivery.publish(DomainEvent(type="c.d"))

@pytest.mark.parametrize("number", [1, 2])
def test_events_begin_with_nothing_and_have_what_is_published(events, number):
    assert events.published == ()
    events.publish_event(DomainEvent(type="a.b"))
    assert events.intend("some-integration/scope", DomainEvent(type="c.d"))
    assert [event.type for event in events.published] == ["a.b"]
    assert list(events.pending()) == ["some-integration/scope"]

def test_a_subscriber_runs_handlers_by_name_until_the_test_ends(subscriber):
    audit = InMemoryEventHandler()
    outcome = subscriber({"chain": Chain(), "audit-log": audit}).deliver(DomainEvent(type="a.b"))
    assert [event.type for event in audit.handled] == ["a.b", "c.d"]

@pytest.mark.parametrize("number", [1, 2])
def test_each_test_has_a_container_of_its_own_which_is_that_of_the_process(container, number):
    assert container is get_container()
    containers.append(container)
    assert len(set(map(id, containers))) == number

def test_after_it_the_process_has_another_one():
    assert get_container() not in containers
"""


def run(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, *command]
    return subprocess.run(line, capture_output=True, text=True, timeout=50, check=False, cwd=cwd)


def test_its_fixtures_are_made_for_each_test_and_end_with_it(tmp_path: Path) -> None:
    (tmp_path / "test_fixtures.py").write_text(TESTS)
    options = ["-p", "no:qontract", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "qontract.testing.plugin"]
    done = run("-m", "pytest", "-q", "-W", "error", *options, str(tmp_path), cwd=tmp_path)
    assert done.stdout.splitlines()[-1].startswith("6 passed"), done.stdout


def test_pytest_finds_it_by_its_entry_point_and_no_fixture_of_it_is_used_unasked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"qontract": "qontract.testing.plugin"}
    assert "autouse" not in (ROOT / "src/qontract/testing/plugin.py").read_text()
