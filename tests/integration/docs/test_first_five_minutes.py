"""What docs/first-five-minutes.md shows is what comes out, but for times, ids and ports."""

import re
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import nothing_left, run, running
from tests.support.paths import ROOT
from tests.support.processes import ports_in_a_row

DEMO, DEV, *TYPED = re.findall(r"```text\n(.*?)```", (ROOT / "docs" / "first-five-minutes.md").read_text(), re.DOTALL)
DIFFERS = (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", r"\d\d:\d\d:\d\d", r"\d+\.\d s", r"127\.0\.0\.1:\d+")


def plain(text: str) -> list[str]:
    """Return the lines, without what differs from run to run, and from machine to machine."""
    for pattern in DIFFERS:
        text = re.sub(pattern, "…", text)
    text = re.sub(r"\S*/qontract (?=token|reconcile)", "qontract ", text)
    return text.strip("\n").splitlines()


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.chdir(ROOT)
    with nothing_left() as mark:
        yield mark


@pytest.fixture
def port() -> int:
    """The first of five ports in a row that nobody listens on."""
    return ports_in_a_row(5)


def test_the_demo_is_as_the_page_shows_it(mark: str) -> None:
    done = run("demo", MARK=mark)
    assert done.returncode == 0, done.stdout + done.stderr
    assert plain(done.stdout) == plain(DEMO)
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_dev_and_what_is_typed_beside_it_are_as_the_page_shows_them(mark: str, port: int, tmp_path: Path) -> None:
    with running("dev", "--data", str(tmp_path), "--port", str(port), MARK=mark) as dev:
        dev.line("reconcile slack-usergroups")
        lines = re.findall(r"export (\w+)=(.*)\n", (tmp_path / "env").read_text())
        settings = {name: shlex.split(value)[0] for name, value in lines}
        for typed in TYPED:
            command, _, shown = typed.partition("\n")
            done = run(*shlex.split(command)[2:], **settings)
            assert plain(done.stderr + done.stdout) == plain(shown)
        assert dev.end(signal.SIGINT) == 130
    said = dev.said[dev.said.index("Ready;") :].partition("\n\n")[0].replace(f". {tmp_path}/", ". ./.dev/")
    assert [line for line in plain(said.replace(str(tmp_path), ".dev")) if line in plain(DEV)] == plain(DEV)
