"""`qontract demo`, as a process."""

import json
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qontract.entrypoints.sandboxes import load_sandboxes
from tests.support.commands import nothing_left, processes, run, running
from tests.support.paths import DATA
from tests.support.slack_sandbox import user, usergroup

needs_data = pytest.mark.skipif(not (DATA.exists() or os.environ.get("CI")), reason="the organisation's data is absent")


@pytest.fixture
def mark() -> Iterator[str]:
    with nothing_left() as mark:
        yield mark


@needs_data
def test_a_real_organisation_is_reconciled_with_an_event_of_each_change(mark: str) -> None:
    if "github-teams" not in load_sandboxes().sandboxes:
        pytest.skip("github-teams is not installed")
    data = DATA / "kubernetes-github"
    files = ["--desired", str(data / "desired-state.json"), "--sandbox", str(data / "organisations.json")]
    done = run("demo", "github-teams", *files, MARK=mark)
    assert done.returncode == 0, done.stdout + done.stderr
    changes = Counter(re.findall(r":\d\d  github-teams\.(\w+)\s", done.stdout))
    assert changes == {"create": 5, "update_members": 90 + 6}
    assert "A second run plans 0 actions" in done.stdout


def test_a_plan_that_a_guard_stops_is_accepted_by_its_digest_and_the_logs_are_kept_if_that_is_asked_for(
    mark: str, tmp_path: Path
) -> None:
    files = _files(tmp_path, members=20, desired_members=5)
    away = "http://127.0.0.1:9"  # a proxy is not asked for what is on this machine
    done = run("demo", "--logs", *files, MARK=mark, HTTP_PROXY=away, http_proxy=away, TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "it would end 15 of 20 memberships" in done.stdout
    assert re.search(r"--accept-plan [0-9a-f]{32}\n", done.stdout)
    assert "1 changed, 15 people removed; 0 errors" in done.stdout
    assert "A second run plans 0 actions" in done.stdout
    (file,) = tmp_path.glob("*.log")
    assert f"What the processes logged is in\n  {file}\n" in done.stdout
    assert "api job accepted" in file.read_text()
    assert "server listens" not in done.stdout + done.stderr, "the story is not told among the logs"


def test_what_cannot_be_reached_is_named_and_the_demo_fails(mark: str, tmp_path: Path) -> None:
    file = tmp_path / "desired.json"
    group = {"handle": "team-a", "users": ["alice", "nobody"]}
    file.write_text(json.dumps({"workspaces": [{"name": "acme", "usergroups": [group]}]}))
    done = run("demo", "--desired", str(file), MARK=mark)
    assert done.returncode == 1
    assert "nobody" in done.stdout
    assert "1 changed, 1 person removed; 1 error" in done.stdout
    assert done.stderr == "qontract: not all is as desired; the errors are above\n"


def _files(directory: Path, *, members: int, desired_members: int) -> list[str]:
    users = [user(f"U{number}", f"user-{number}") for number in range(members)]
    group = usergroup("S1", "all", users=[one["id"] for one in users])
    state: dict[str, Any] = {"team": {"name": "acme"}, "users": users, "usergroups": [group]}
    wanted = {"handle": "all", "users": [one["name"] for one in users[:desired_members]]}
    desired = {"workspaces": [{"name": "acme", "usergroups": [wanted]}]}
    for name, content in (("state.json", state), ("desired.json", desired)):
        (directory / name).write_text(json.dumps(content))
    return ["--desired", str(directory / "desired.json"), "--sandbox", str(directory / "state.json")]


@pytest.mark.parametrize(
    ("text", "message"), [("[]", "1: this is a list, and no desired state"), ("a: b", "1: not JSON")]
)
def test_a_desired_state_that_is_none_is_refused_before_anything_is_started(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "desired.json"
    file.write_text(text)
    done = run("demo", "--desired", str(file))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"qontract: {file}:{message}")


def test_a_state_that_is_none_ends_the_demo_with_a_line(mark: str, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text("{}")
    done = run("demo", "--sandbox", str(file), MARK=mark)
    assert done.returncode == 1
    assert f"the sandbox of slack-usergroups cannot begin with {file}: {file}: team: Field required" in done.stderr


def test_a_demo_of_which_a_process_dies_ends_at_once_with_a_line_and_leaves_nothing_running(mark: str) -> None:
    with running("demo", MARK=mark) as demo:
        demo.line("All are ready")
        for process, command in processes(mark).items():
            if command.split()[-1] == "qontract.entrypoints.worker":
                os.kill(process, signal.SIGKILL)
        demo.line("qontract: worker was killed by signal 9 (SIGKILL)", seconds=20)
        assert demo.process.wait(20) == 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_running(mark: str, how: signal.Signals) -> None:
    with running("demo", MARK=mark) as demo:
        demo.line("Starting Valkey")
        assert demo.end(how) == 130
