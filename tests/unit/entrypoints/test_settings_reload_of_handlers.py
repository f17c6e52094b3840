"""Handlers that are made anew when the files of their settings have changed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from qontract.adapters.slack import SlackEventHandler
from qontract.entrypoints import settings_reload
from qontract.entrypoints.settings import load_settings
from qontract.entrypoints.subscriptions import AnyReloader, load_subscriptions


@pytest.fixture
def notifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, AnyReloader]:
    """The files of the notifier's settings, and what makes it anew whenever it is asked."""
    for name in [name for name in os.environ if name.upper().startswith("QAPI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(settings_reload, "LOOK_SECONDS", 0)
    monkeypatch.setenv("QAPI_SECRETS_DIR", str(tmp_path))
    files = tmp_path / "slack_notifier"
    files.mkdir()
    (files / "token").write_text("xoxb-1")
    (files / "channel").write_text("#c")
    loaded = load_subscriptions(load_settings().subscriber)
    assert [subscription.name for subscription in loaded.subscriptions] == ["audit-log", "slack-notifier"]
    return files, loaded.reloaders["slack-notifier"]


def test_a_new_token_makes_another_handler_of_the_same_name(notifier: tuple[Path, AnyReloader]) -> None:
    files, handler = notifier
    before = handler.made
    (files / "token").write_text("xoxb-22")
    assert handler.renewed()
    assert handler.made is not None
    assert handler.made is not before
    assert handler.made.name == "slack-notifier"
    assert isinstance(handler.made.handler, SlackEventHandler)


NOT_WITHOUT_A_RESTART: dict[str, Callable[[Path], object]] = {
    "other types": lambda files: (files / "types").write_text('["a.*"]'),
    "another policy": lambda files: (files / "timeout").write_text("7"),
    "switched off": lambda files: (files / "token").write_text(""),
}


@pytest.mark.parametrize("name", NOT_WITHOUT_A_RESTART)
def test_what_needs_a_restart_changes_nothing_and_says_so(notifier: tuple[Path, AnyReloader], name: str) -> None:
    files, handler = notifier
    before = handler.made
    NOT_WITHOUT_A_RESTART[name](files)
    assert not handler.renewed()
    assert handler.made is before
    assert "needs a restart" in handler.error


def test_a_handler_that_is_switched_off_is_not_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QAPI_SECRETS_DIR", str(tmp_path))
    monkeypatch.delenv("QAPI_SLACK_NOTIFIER__TOKEN", raising=False)
    assert "slack-notifier" not in load_subscriptions(load_settings().subscriber).reloaders
