"""The sandboxes that are installed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from qontract.entrypoints.sandboxes import Sandbox, SandboxError, load_sandbox, load_sandboxes
from qontract.entrypoints.slack_sandbox.sandbox import SANDBOX as SLACK
from tests.support.packages import install

SANDBOX = Sandbox("tickets.sandbox", lambda _url, _state: {}, Path("state.json"), Path("desired.json"))
NOT_A_SANDBOX = "tickets.sandbox"

Install = Callable[..., None]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    def named(package: str, **sandboxes: str) -> None:
        entries = {name: value if ":" in value else f"{__name__}:{value}" for name, value in sandboxes.items()}
        install(tmp_path, package, {"qontract.sandboxes": entries})
        monkeypatch.syspath_prepend(tmp_path)

    return named


def test_ours_is_found_like_everybodys(installed: Install) -> None:
    installed("tickets", tickets="SANDBOX")
    loaded = load_sandboxes().sandboxes
    assert (loaded["slack-usergroups"], loaded["tickets"]) == (SLACK, SANDBOX)
    assert load_sandbox("tickets") is SANDBOX


@pytest.mark.parametrize(
    ("value", "reason"),
    [("NOT_A_SANDBOX", "is no Sandbox"), ("MISSING", "AttributeError"), ("no_such_module:SANDBOX", "No module named")],
)
def test_a_sandbox_that_cannot_be_loaded_is_named_with_the_reason_and_stops_no_other(
    installed: Install, value: str, reason: str
) -> None:
    installed("tickets", tickets=value)
    loaded = load_sandboxes()
    assert "slack-usergroups" in loaded.sandboxes
    assert "tickets" not in loaded.sandboxes
    assert loaded.refused["tickets"].startswith("tickets 1.0: ")
    assert reason in loaded.refused["tickets"]
    with pytest.raises(SandboxError, match=f"the sandbox of tickets cannot be used: tickets 1.0: .*{reason}"):
        load_sandbox("tickets")


def test_a_sandbox_that_is_not_installed_is_refused_with_those_that_are() -> None:
    with pytest.raises(SandboxError, match=r"no sandbox of 'tickets' is installed; there is: .*slack-usergroups"):
        load_sandbox("tickets")


def test_the_settings_of_the_slack_sandbox_lead_to_it_with_the_token_of_the_workspace_that_it_begins_with() -> None:
    assert SLACK.environment("http://127.0.0.1:8083", SLACK.state) == {
        "QAPI_SLACK__API_URL": "http://127.0.0.1:8083/api/",
        "QAPI_SLACK__TOKENS": '{"acme": "xoxb-sandbox-acme"}',
    }
