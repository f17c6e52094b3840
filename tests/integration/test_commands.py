"""The commands, as processes."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest

QONTRACT = [sys.executable, "-m", "qontract.entrypoints.cli"]
DATA = Path(__file__).parents[3] / "shared" / "data" / "kubernetes-slack"


def environment(**more: str) -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("QAPI_")} | more


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*QONTRACT, *arguments], env=environment(**settings), capture_output=True, text=True, timeout=50, check=False
    )


@pytest.fixture
def mark() -> Iterator[str]:
    """What the environment of every process of a test holds, so that one that is left is found."""
    mark = str(uuid4())
    yield mark
    assert left(mark) == []


def left(mark: str) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_the_demo_shows_the_plan_the_events_and_an_empty_second_run_and_leaves_nothing_running(mark: str) -> None:
    done = run("demo", MARK=mark)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Applied 3 actions, 0 errors" in done.stdout
    assert "3 events, as the subscriber received them" in done.stdout
    assert "A second run plans 0 actions" in done.stdout


@pytest.mark.skipif(not (DATA.exists() or os.environ.get("CI")), reason="the organisation's data is not there")
def test_a_real_organisation_is_reconciled_by_2_create_and_10_update_users_and_12_events(mark: str) -> None:
    files = ["--desired", str(DATA / "desired-state.json"), "--workspace", str(DATA / "workspace.json")]
    done = run("demo", *files, MARK=mark)
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.findall(r"qontract-api\.slack-usergroups\.(\w+)  kubernetes/", done.stdout)
    assert sorted(told) == ["create"] * 2 + ["update_users"] * 10
    assert "A second run plans 0 actions" in done.stdout
    [correlation_id] = re.findall(r"worker applied correlation_id=(\S+) .*usergroup=k8s-infra-leads", done.stdout)
    assert re.search(rf"^ *api .*{correlation_id}", done.stdout, re.MULTILINE)


def test_dev_runs_everything_until_it_is_told_to_end_and_a_client_reconciles_against_it(
    mark: str, tmp_path: Path
) -> None:
    desired = str(Path(__file__).parents[2] / "src" / "qontract" / "entrypoints" / "examples" / "desired-state.json")
    port = str(four_free_ports())
    reconcile = ["reconcile", desired, "--api-url", f"http://127.0.0.1:{port}"]
    with subprocess.Popen(
        [*QONTRACT, "dev", "--data", str(tmp_path / "data"), "--port", port],
        env=environment(MARK=mark),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as dev:
        assert dev.stdout
        token = next(line.split("=", 1)[1].strip() for line in dev.stdout if "QAPI_TOKEN=" in line)
        Thread(target=dev.stdout.read, daemon=True).start()
        planned = run(*reconcile, QAPI_TOKEN=token)
        applied = run(*reconcile, "--apply", QAPI_TOKEN=token)
        again = run(*reconcile, QAPI_TOKEN=token)
        os.killpg(dev.pid, signal.SIGTERM)
        dev.wait(30)
    assert (planned.returncode, applied.returncode, again.returncode) == (0, 0, 0), planned.stderr + applied.stderr
    assert (planned.stdout.count(" no"), applied.stdout.count(" yes")) == (3, 3)
    assert again.stdout == "Nothing to do: Slack is as desired.\n"
    assert list((tmp_path / "data").glob("appendonlydir/*")), "what Valkey holds is kept"


def four_free_ports() -> int:
    """Return the first of four ports in a row that nobody listens on."""
    for first in range(20_000, 30_000, 4):
        with ExitStack() as sockets:
            try:
                for port in range(first, first + 4):
                    sockets.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("no four ports in a row are free")


def test_dev_says_which_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run("dev", "--port", port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"qontract: port {port} is taken")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_running(mark: str, how: signal.Signals) -> None:
    process = subprocess.Popen(
        [*QONTRACT, "demo"], env=environment(MARK=mark), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout
    for line in process.stdout:
        if "serving" in line:
            break
    os.killpg(process.pid, how)
    process.communicate(timeout=30)
    assert process.returncode == 130


def test_a_token_that_is_printed_is_one_that_the_api_accepts() -> None:
    import jwt

    secret = "s" * 32
    done = run("token", "--scope", "reconcile:plan", "--scope", "reconcile:apply", QAPI_AUTH__SECRET=secret)
    claims = jwt.decode(done.stdout.strip(), secret, algorithms=["HS256"], audience="qontract-api", issuer="qontract")
    assert claims["scope"] == "reconcile:plan reconcile:apply"
    assert claims["exp"] - claims["iat"] == 3600


def test_a_token_needs_the_secret_and_says_so() -> None:
    done = run("token")
    assert done.returncode == 1
    assert done.stderr.strip() == "qontract: QAPI_AUTH__SECRET: not set; it is the key that the API has"


def test_an_api_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "desired.json"
    file.write_text(json.dumps({"workspaces": []}))
    done = run("reconcile", str(file), "--token", "hush", "--api-url", "http://127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.startswith("qontract: POST /api/v1/integrations/slack-usergroups/reconcile: ConnectError")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "hush" not in done.stderr


def test_a_desired_state_that_is_not_json_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "desired.json"
    file.write_text("workspaces: []")
    done = run("reconcile", str(file), "--token", "hush")
    assert done.returncode == 1
    assert done.stderr.startswith(f"qontract: {file}: not JSON")


@pytest.mark.parametrize("process", ["api", "worker", "subscriber"])
def test_a_wrong_setting_stops_the_process_with_a_line_that_names_the_variable(process: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "qontract"],
        env=environment(QAPI_START_MODE=process, QAPI_EVENTS__BACKEND="kafka"),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "qontract: QAPI_EVENTS__BACKEND: Input should be 'redis' or 'memory'"
