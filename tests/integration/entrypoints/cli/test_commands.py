"""The commands, as processes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import environment, run


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
    done = run("reconcile", "slack-usergroups", str(file), "--token", "hush", "--api-url", "http://127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.startswith("qontract: nothing answers at http://127.0.0.1:1 (ConnectError: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "hush" not in done.stderr


def test_a_desired_state_that_is_not_json_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "desired.json"
    file.write_text("workspaces: []")
    done = run("reconcile", "slack-usergroups", str(file), "--token", "hush")
    assert done.returncode == 1
    assert done.stderr.startswith(f"qontract: {file}:1: not JSON")


@pytest.mark.parametrize("process", ["api", "worker", "subscriber"])
def test_a_wrong_setting_stops_the_process_with_a_line_that_names_the_variable(process: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "qontract"],
        env=environment(QAPI_START_MODE=process, QAPI_EVENTS__ENABLED="perhaps"),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("qontract: QAPI_EVENTS__ENABLED: Input should be a valid boolean")
    assert len(done.stderr.splitlines()) == 1


def test_a_shell_can_complete_the_commands() -> None:
    asked = {"_QONTRACT_COMPLETE": "complete_bash", "COMP_WORDS": "qontract rec", "COMP_CWORD": "1"}
    script = Path(sys.executable).with_name("qontract")
    done = subprocess.run([script], env=environment(**asked), capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.split() == ["reconcile"]


@pytest.mark.parametrize("arguments", [["--help"], ["reconcile", "--help"]])
def test_help_loads_nothing_of_what_the_commands_need(arguments: list[str]) -> None:
    loaded = "import sys; from qontract.entrypoints.cli import app; app(standalone_mode=False); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", loaded, *arguments], capture_output=True, text=True, timeout=30, check=True
    )
    modules = set(done.stdout.split())
    assert "typer" in modules
    assert modules.isdisjoint({"httpx", "yaml", "celery", "fastapi", "redis", "slack_sdk"})
