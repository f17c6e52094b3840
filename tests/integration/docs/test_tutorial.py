"""Who writes the files of docs/tutorial.md, and types its commands, sees what the page shows, but for ids and times."""

import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.commands import environment, nothing_left, run, running
from tests.support.paths import ROOT
from tests.support.processes import ports_in_a_row

PAGE = (ROOT / "docs" / "tutorial.md").read_text()
BLOCKS = re.findall(r"((?:(?!```).)*)```(\w+)\n(.*?)```", PAGE, re.DOTALL)
FILES = [
    (re.findall(r"`([\w./]+\.\w+)`", before)[-1], content)  # the file that is named last
    for before, language, content in BLOCKS
    if language not in {"sh", "text"}
]
SET_UP = [
    "mkdir doors && cd doors",
    "python3 -m venv .venv",
    '.venv/bin/pip install "../qontract[dev,testing]"',
    "mkdir -p src/doors tests buildings",
]
"""What the test does in its own way: its environment is the one that it runs in, and needs no network."""
DEV = "QAPI_DOORS__DIRECTORY=buildings QAPI_BADGES__PRINTER=printer .venv/bin/qontract dev"
TYPED = [
    (command, shown)
    for _, language, block in BLOCKS
    if language == "text"
    for command, _, shown in (part.partition("\n") for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:])
]
_DIFFERS = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b\d{13}-\d+|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\d+\.\d+s( \(.*\))?"
)


def plain(text: str) -> str:
    """Return the text without what differs from run to run."""
    return _DIFFERS.sub("*", text).strip()


def shows(shown: str, said: str) -> bool:
    """Say whether this is what the page shows; a line `…` stands for any lines."""
    parts = re.split(r"^…\n", shown, flags=re.MULTILINE)
    return re.fullmatch(r"[\s\S]*".join(re.escape(plain(part)) for part in parts), plain(said)) is not None


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the package, with its files, and with tools that are those of this environment."""
    tools = {
        "pip": "-m pip install --quiet --no-deps --no-build-isolation --no-index --target site .",
        "pytest": '-W error -m pytest -p no:cacheprovider -p no:randomly "$@"',
    }
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name, what in tools.items():
        tool = tmp_path / ".venv" / "bin" / name
        tool.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} {what}\n")
        tool.chmod(0o755)
    for name, content in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    return tmp_path


def said(command: str, settings: Mapping[str, str]) -> str:
    """Type the command, and return what it says."""
    words = shlex.split(command)
    if words[0] == ".venv/bin/qontract":
        done = run(*words[1:], **settings)
        return done.stderr + done.stdout
    shell = ["bash", "-c", f"{command} 2>&1"]
    return subprocess.run(shell, env=environment(), capture_output=True, text=True, timeout=100, check=False).stdout


def test_the_page_has_all_files_and_begins_as_the_test_does() -> None:
    named = {"pyproject.toml", "desired.yaml", "buildings/hq.json"}
    code = {f"src/doors/{name}.py" for name in ("access", "badges", "buildings")}
    assert {name for name, _ in FILES} == named | code | {"tests/test_badges.py", "tests/test_buildings.py"}
    assert [block.splitlines() for _, language, block in BLOCKS if language == "sh"] == [SET_UP]


@pytest.mark.timeout(240)  # it installs a package, runs its tests, and then all processes
def test_what_is_typed_says_what_the_page_shows(directory: Path) -> None:
    at = [command for command, _ in TYPED].index(DEV)
    for command, shown in TYPED[:at]:
        assert shows(shown, found := said(command, {})), found
    with nothing_left() as mark:
        own = dict(word.split("=") for word in DEV.split()[:2]) | {"MARK": mark}
        with running("dev", "--data", ".dev", "--port", str(ports_in_a_row(5)), **own) as dev:
            dev.line("doors has no sandbox here: it reaches what your settings say", 90)
            lines = re.findall(r"export (\w+)=(.*)\n", (directory / ".dev" / "env").read_text())
            settings = {name: shlex.split(value)[0] for name, value in lines}
            for command, shown in TYPED[at + 1 :]:
                deadline = time.monotonic() + 20
                while not shows(shown, found := said(command, settings)):  # an event may be on its way
                    assert " why " in command, found
                    assert time.monotonic() < deadline, found
            assert dev.end(signal.SIGINT) == 130
