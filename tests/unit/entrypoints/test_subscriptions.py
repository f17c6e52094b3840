"""How handlers are found, configured and checked."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from qontract.adapters.memory import InMemoryEventHandler
from qontract.application.ports.event_handler import EventHandler
from qontract.entrypoints.settings import load_settings
from qontract.entrypoints.subscriptions import Loaded, chosen, load_subscriptions, nearest, unknown_types

Install = Callable[..., None]

NO_HANDLER = "text"
BUILT_IN = ("audit-log", "slack-notifier")


class Plain(InMemoryEventHandler): ...


class Tickets(InMemoryEventHandler):
    class Settings(BaseModel):
        url: str
        token: SecretStr = SecretStr("")
        retries: int = 3
        enabled: bool = True

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings


class UnsaidError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Raising(InMemoryEventHandler):
    error: BaseException = RuntimeError("no\ndesk")

    def __init__(self) -> None:
        raise self.error


class Unspeakable(Raising):
    error = UnsaidError()


class Exiting(Raising):
    error = SystemExit(3)


class NotAsync(InMemoryEventHandler):
    def handle(self, *_: object) -> None: ...  # type: ignore[override]  # the mistake


class Misspelt(InMemoryEventHandler):
    def __init__(self) -> None:
        super().__init__("qontract-api.slack-usergroups.update_user", "qontract-api.slack-usergroups.create", "*.error")


def plain() -> EventHandler:
    return Plain()


def a_class() -> type:
    return Plain


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("QAPI_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a package with these entry points: `name="a_module:Class"`, or a class of this module."""

    def installed(package: str = "acme", **handlers: str) -> None:
        (tmp_path / f"{package}-1.0.dist-info").mkdir()
        (tmp_path / f"{package}-1.0.dist-info" / "METADATA").write_text(f"Name: {package}\nVersion: 1.0\n")
        lines = [f"{name} = {value if ':' in value else f'{__name__}:{value}'}\n" for name, value in handlers.items()]
        (tmp_path / f"{package}-1.0.dist-info" / "entry_points.txt").write_text(
            "".join(["[qontract.event_handlers]\n", *lines])
        )
        monkeypatch.syspath_prepend(tmp_path)

    return installed


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Loaded:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_subscriptions(load_settings().subscriber)


def handlers(loaded: Loaded) -> dict[str, Any]:
    return {one.name: one.handler for one in loaded.subscriptions if one.name not in BUILT_IN}


def test_every_installed_handler_is_a_subscription_of_its_name(
    monkeypatch: pytest.MonkeyPatch, install: Install
) -> None:
    install(plain="Plain", made="plain")
    loaded = load(monkeypatch)
    assert {name: type(handler) for name, handler in handlers(loaded).items()} == {"plain": Plain, "made": Plain}
    assert loaded.refused == {}


def test_our_own_are_found_through_the_same_door(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(monkeypatch, QAPI_SLACK_NOTIFIER__TOKEN="xoxb-1", QAPI_SLACK_NOTIFIER__CHANNEL="#c")
    assert [subscription.name for subscription in loaded.subscriptions] == ["audit-log", "slack-notifier"]


def test_the_notifier_does_not_run_without_a_token_and_a_channel(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    loaded = load(monkeypatch, QAPI_SLACK_NOTIFIER__TOKEN="xoxb-1")
    assert [subscription.name for subscription in loaded.subscriptions] == ["audit-log"]
    assert loaded.refused == {}
    [said] = [record for record in caplog.records if record.message == "handler is not enabled"]
    assert (said.levelname, said.__dict__["subscription"]) == ("INFO", "slack-notifier")


def test_a_handler_gets_settings_of_its_own(monkeypatch: pytest.MonkeyPatch, install: Install, tmp_path: Path) -> None:
    install(**{"tickets-b": "Tickets"})
    (tmp_path / "secrets" / "tickets_b").mkdir(parents=True)
    (tmp_path / "secrets" / "tickets_b" / "token").write_text("from-a-file\n")
    loaded = load(
        monkeypatch,
        QAPI_TICKETS_B__URL="https://b",
        qapi_tickets_b__retries="5",
        QAPI_SECRETS_DIR=str(tmp_path / "secrets"),
    )
    settings = handlers(loaded)["tickets-b"].settings
    assert (settings.url, settings.retries, settings.token.get_secret_value()) == ("https://b", 5, "from-a-file")


def test_one_handler_is_configured_twice_under_two_names_and_another_switched_off(
    monkeypatch: pytest.MonkeyPatch, install: Install
) -> None:
    install(tickets="Tickets", plain="Raising", other="Raising")
    loaded = load(
        monkeypatch,
        QAPI_SUBSCRIBER__HANDLERS='{"tickets-b": "tickets", "plain": "", "other": null, "audit-log": ""}',
        QAPI_TICKETS__URL="https://a",
        QAPI_TICKETS_B__URL="https://b",
    )
    assert {name: handler.settings.url for name, handler in handlers(loaded).items()} == {
        "tickets": "https://a",
        "tickets-b": "https://b",
    }
    assert ([one.name for one in loaded.subscriptions], loaded.refused) == (["tickets", "tickets-b"], {})


def test_a_handler_is_switched_off_by_a_variable_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, QAPI_SUBSCRIBER__HANDLERS__AUDIT_LOG="").subscriptions == []


def test_a_handler_whose_settings_say_so_is_not_run(monkeypatch: pytest.MonkeyPatch, install: Install) -> None:
    install(tickets="Tickets")
    loaded = load(monkeypatch, QAPI_TICKETS__URL="https://a", QAPI_TICKETS__ENABLED="false")
    assert (handlers(loaded), loaded.refused) == ({}, {})


WRONG = {
    "nowhere:Handler": "ModuleNotFoundError: No module named 'nowhere'",
    "Missing": "AttributeError: module '{module}' has no attribute 'Missing'",
    "NO_HANDLER": "TypeError: 'str' object is not callable",
    "Raising": "RuntimeError: no desk",
    "Unspeakable": "UnsaidError",
    "Exiting": "SystemExit: 3",
    "a_class": "Plain is a class; give an instance of it",
    "NotAsync": "NotAsync.handle is not written with `async def`",
    "Tickets": "QAPI_WRONG__URL: Field required",
}


@pytest.mark.parametrize("value", WRONG)
def test_a_wrong_handler_is_refused_with_one_line_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, install: Install, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    install(wrong=value, right="Plain")
    loaded = load(monkeypatch)
    error = WRONG[value].format(module=__name__)
    entry_point = value if ":" in value else f"{__name__}:{value}"
    assert [*handlers(loaded)] == ["right"]
    assert loaded.refused == {"wrong": f"acme 1.0: {entry_point}: {error}"}
    [said] = [vars(record) for record in caplog.records if record.levelno == logging.ERROR]
    assert (said["message"], said["subscription"], said["package"]) == ("handler refused", "wrong", "acme 1.0")
    assert (said["entry_point"], said["error"]) == (entry_point, error)
    assert said["exc_info"] is None


def test_a_package_that_ends_the_process_when_it_is_imported_is_refused(
    monkeypatch: pytest.MonkeyPatch, install: Install, tmp_path: Path
) -> None:
    (tmp_path / "acme_ends.py").write_text("import sys\nsys.exit('no')\n")
    install(wrong="acme_ends:Handler")
    loaded = load(monkeypatch)
    assert loaded.refused == {"wrong": "acme 1.0: acme_ends:Handler: SystemExit: no"}
    assert "acme_ends" not in sys.modules


def test_a_name_that_is_no_dns_label_is_refused(monkeypatch: pytest.MonkeyPatch, install: Install) -> None:
    install(Wrong="Exiting", right="Plain")
    loaded = load(monkeypatch, QAPI_SUBSCRIBER__HANDLERS='{"a.b": "right"}')
    assert [*handlers(loaded)] == ["right"]
    assert all("use 1 to 63 lower-case letters" in loaded.refused[name] for name in ("Wrong", "a.b"))


def test_a_handler_that_is_not_installed_is_refused_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch, install: Install
) -> None:
    install(plain="Plain")
    loaded = load(monkeypatch, QAPI_SUBSCRIBER__HANDLERS='{"second": "plane", "third": "zzz"}')
    assert loaded.refused == {
        "second": "QAPI_SUBSCRIBER__HANDLERS: no handler 'plane' is installed; did you mean 'plain'?",
        "third": "QAPI_SUBSCRIBER__HANDLERS: no handler 'zzz' is installed",
    }


def test_switching_off_what_is_not_installed_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert load(monkeypatch, QAPI_SUBSCRIBER__HANDLERS='{"audit-lock": ""}').refused == {}
    [said] = [vars(record) for record in caplog.records]
    assert (said["message"], said["subscription"]) == ("handler to switch off is not installed", "audit-lock")


def test_of_two_packages_with_one_name_the_later_one_is_refused_and_both_are_named(
    monkeypatch: pytest.MonkeyPatch, install: Install
) -> None:
    install("bcme", same="Raising", **{"audit-log": "Plain"})
    install("acme", same="Plain", **{"audit-log": "Plain"})
    loaded = load(monkeypatch)
    assert type(handlers(loaded)["same"]) is Plain
    assert loaded.refused["same"].startswith("bcme 1.0: ")
    assert "acme 1.0 has an entry of this name too" in loaded.refused["same"]
    assert type(loaded.subscriptions[0].handler).__name__ == "JsonLinesEventHandler"
    assert all(f"{package} 1.0: " in loaded.refused["audit-log"] for package in ("acme", "bcme"))


def test_a_line_at_the_start_lists_the_subscriptions(
    monkeypatch: pytest.MonkeyPatch, install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    install(plain="Plain", wrong="Raising")
    load(monkeypatch)
    [said] = [vars(record) for record in caplog.records if record.message == "subscriptions loaded"]
    assert [*said["subscriptions"]] == ["audit-log", "plain"]
    assert said["subscriptions"]["plain"] == {"handler": f"{__name__}.Plain", "types": ["*"], "package": "acme 1.0"}


def test_a_type_that_is_not_known_is_a_warning_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install(misspelt="Misspelt")
    loaded = load(monkeypatch)
    assert ([*handlers(loaded)], loaded.refused) == (["misspelt"], {})
    [said] = [vars(record) for record in caplog.records]
    assert (said["message"], said["levelname"]) == ("handler wants a type that is not known", "WARNING")
    assert (said["subscription"], said["event_type"]) == ("misspelt", "qontract-api.slack-usergroups.update_user")
    assert said["nearest"] == "qontract-api.slack-usergroups.update_users"


def test_the_settings_choose_among_what_is_installed() -> None:
    assert chosen(["a", "b"], {}) == {"a": "a", "b": "b"}
    assert chosen(["a", "b"], {"a": "", "b": None}) == {}
    assert chosen(["a", "b"], {"c": "a", "b": "a", "d": "x"}) == {"a": "a", "b": "a", "c": "a", "d": "x"}


def test_what_is_not_known_has_its_nearest() -> None:
    assert nearest("tickest", ["audit-log", "tickets"]) == "tickets"
    assert nearest("zzz", ["audit-log", "tickets"]) is None
    assert unknown_types(("a.bc", "a.b*", "zzz", "a.bd", "*"), ["a.bd"]) == {"a.bc": "a.bd", "zzz": None}
    assert unknown_types(("*",), []) == {}


@pytest.mark.parametrize(
    ("wanted", "near"),
    [
        ("qontract-api.slack-usergroup.*", "qontract-api.slack-usergroups.*"),
        ("*.eror", "*.error"),
        ("other.*", None),
    ],
)
def test_a_pattern_that_no_known_type_matches_has_its_nearest(wanted: str, near: str | None) -> None:
    known = ["qontract-api.github-teams.create", "qontract-api.slack-usergroups.error"]
    assert unknown_types((wanted, "qontract-api.*", "*.create"), known) == {wanted: near}
