"""The settings of a handler, or of whatever a package brings: they are read as our own are."""

import os
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr, field_validator, model_validator

from qontract.entrypoints.settings import load_settings_of
from qontract.entrypoints.settings.reading import SettingsProblemsError

SECRET = "hush-hush"


class Desk(BaseModel, extra="forbid"):
    name: str = "first"


class Tickets(BaseModel):
    url: str
    token: SecretStr = SecretStr("")
    retries: int = 3
    types: tuple[str, ...] = ("*",)
    desk: Desk = Desk()

    @field_validator("url")
    @classmethod
    def _url(cls, url: str) -> str:
        if not url.startswith("https:"):
            raise ValueError(f"begins with no\nhttps:, {url}")
        return url

    @model_validator(mode="before")
    @classmethod
    def _token(cls, given: dict[str, str]) -> dict[str, str]:
        if given.get("token") == SECRET:
            raise ValueError(f"is no token, {given}")
        return given


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("QAPI_")]:
        monkeypatch.delenv(name)


def load(monkeypatch: pytest.MonkeyPatch, name: str = "tickets", **environment: str) -> Tickets:
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    return load_settings_of(Tickets, name)


def problems(monkeypatch: pytest.MonkeyPatch, name: str = "tickets", **environment: str) -> list[str]:
    with pytest.raises(SettingsProblemsError) as refused:
        load(monkeypatch, name, **environment)
    return refused.value.problems


def test_they_are_read_from_variables_that_begin_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        "tickets-b",
        QAPI_TICKETS_B__URL="https://b",
        QAPI_TICKETS_B__TYPES='["a.*"]',
        QAPI_TICKETS_B__DESK__NAME="second",
        QAPI_TICKETS__RETRIES="7",
    )
    assert (settings.url, settings.types, settings.desk.name, settings.retries) == ("https://b", ("a.*",), "second", 3)


def test_they_are_read_from_json_in_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, QAPI_TICKETS='{"url": "https://a", "desk": {"name": "second"}}')
    assert (settings.url, settings.desk.name) == ("https://a", "second")


def test_they_are_read_from_files_below_a_directory_of_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "tickets_b" / "desk").mkdir(parents=True)
    (tmp_path / "tickets_b" / "token").write_text("from-a-file\n")
    (tmp_path / "tickets_b" / "desk" / "name").write_text("second")
    settings = load(monkeypatch, "tickets-b", QAPI_SECRETS_DIR=str(tmp_path), QAPI_TICKETS_B__URL="https://b")
    assert (settings.token.get_secret_value(), settings.desk.name) == ("from-a-file", "second")


INTEGER = "Input should be a valid integer, unable to parse string as an integer"


@pytest.mark.parametrize(
    ("environment", "lines"),
    [
        ({}, ["QAPI_TICKETS__URL: Field required"]),
        ({"QAPI_TICKETS__URL": f"http://{SECRET}"}, ["QAPI_TICKETS__URL: begins with no https:, …"]),
        ({"QAPI_TICKETS": '{"url": 1}'}, ["QAPI_TICKETS: url: Input should be a valid string"]),
        ({"QAPI_TICKETS": "{"}, ["QAPI_TICKETS: not JSON, which maps and lists are written in"]),
        ({"QAPI_TICKETS__TYPES": "a.*"}, ["QAPI_TICKETS__TYPES: not JSON, which maps and lists are written in"]),
        (
            {"QAPI_TICKETS__RETRIES": SECRET},
            ["QAPI_TICKETS__URL: Field required", f"QAPI_TICKETS__RETRIES: {INTEGER}"],
        ),
        (
            {"QAPI_TICKETS__URL": "https://a", "QAPI_TICKETS__DESK__NAM": SECRET},
            ["QAPI_TICKETS__DESK__NAM: Extra inputs are not permitted"],
        ),
        ({"QAPI_SECRETS_DIR": "/nowhere"}, ['QAPI_SECRETS_DIR: directory "/nowhere" does not exist']),
    ],
)
def test_each_wrong_one_is_named_in_a_line_without_its_value(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], lines: list[str]
) -> None:
    assert problems(monkeypatch, **environment) == lines


def test_a_model_that_repeats_all_values_shows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    [line] = problems(monkeypatch, QAPI_TICKETS__TOKEN=SECRET, QAPI_TICKETS__URL="https://user:word@host")
    assert line == "QAPI_TICKETS: is no token, {'token': '…', 'url': '…'}"


@pytest.mark.parametrize("name", ["guards", "start-mode", "json", "model-dump"])
def test_a_name_that_is_taken_by_our_own_settings_or_by_pydantic_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    [line] = problems(monkeypatch, name)
    assert line == f"QAPI_{name.upper().replace('-', '_')}: this name is taken; choose another"


def test_a_name_may_be_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, "0", QAPI_0__URL="https://a").url == "https://a"
