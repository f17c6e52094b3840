"""Events as lines, and those that people write."""

import json
from datetime import UTC, datetime

import pytest
from pytest_mock import MockerFixture
from rich.cells import cell_len

from qontract.domain.kept_events import KeptEvent
from qontract.entrypoints.presenters import event_lines
from qontract.entrypoints.presenters.event_lines import Lines, format_event, new_event, record

NOON = datetime(2026, 1, 31, 12, 0, 0, 123000, tzinfo=UTC)
EVENT = KeptEvent(
    "1769860800123-0",
    NOON,
    json.dumps(
        {"type": "qontract-api.slack-usergroups.update_users", "id": "7", "subject": "acme/team-a", "authid": "alice"}
    ).encode(),
)
HOSTILE = KeptEvent("1-1", NOON, b'{"type": "a\\u001b[2J\\u202e\\ud800", "subject": "\xc2\x9b"}')
NO_EVENT = KeptEvent("1-1", NOON, b"\xff\x1b[2J")


@pytest.mark.parametrize("columns", [80, 100, 200])
@pytest.mark.parametrize("event", [EVENT, HOSTILE, NO_EVENT])
def test_on_a_terminal_a_line_fits_and_is_harmless(mocker: MockerFixture, columns: int, event: KeptEvent) -> None:
    mocker.patch.object(event_lines, "width", return_value=columns)
    line = Lines(as_json=False).of(event)
    assert line.isprintable()
    assert cell_len(line) <= columns


def test_on_a_narrow_terminal_a_line_says_what_happened_to_what_and_who_asked(mocker: MockerFixture) -> None:
    mocker.patch.object(event_lines, "width", return_value=80)
    shown = "01-31 12:00:00  1769860800123-0  …ergroups.update_users  acme/team-a    alice"
    assert Lines(as_json=False).of(EVENT) == shown


def test_where_nobody_watches_a_line_has_all(mocker: MockerFixture) -> None:
    mocker.patch.object(event_lines, "width", return_value=None)
    assert Lines(as_json=False).of(EVENT).split("  ") == [
        "2026-01-31T12:00:00.123+00:00",
        "1769860800123-0",
        "qontract-api.slack-usergroups.update_users",
        "acme/team-a",
        "alice",
    ]


def test_a_line_of_json_has_the_whole_event() -> None:
    line = Lines(as_json=True).of(EVENT)
    assert json.loads(line) == {
        "entry": "1769860800123-0",
        "kept": "2026-01-31T12:00:00.123+00:00",
        "event": json.loads(EVENT.content),
    }


@pytest.mark.parametrize("event", [HOSTILE, NO_EVENT])
def test_json_is_harmless_too(event: KeptEvent) -> None:
    for text in (Lines(as_json=True).of(event), format_event(event, as_json=True), format_event(event, as_json=False)):
        assert all(line.isprintable() for line in text.split("\n"))


def test_bytes_that_are_no_event_are_shown_as_text() -> None:
    assert record(NO_EVENT)["content"] == "\\xff\x1b[2J"
    assert format_event(NO_EVENT, as_json=True) == r"\xff\u001b[2J"


def test_an_event_is_shown_whole() -> None:
    about, _, event = format_event(EVENT, as_json=False).partition("\n\n")
    assert "who      alice" in about
    assert "source   -" in about
    assert json.loads(event) == json.loads(format_event(EVENT, as_json=True)) == json.loads(EVENT.content)


def test_a_new_event_has_what_was_given_and_an_id_and_a_time() -> None:
    event = json.loads(new_event("a.b", "/x", "db-1", '{"n": 1}'))
    assert (event["type"], event["source"], event["subject"], event["data"]) == ("a.b", "/x", "db-1", {"n": 1})
    assert event["id"]
    assert event["time"]
    assert json.loads(new_event("a.b", "/x", None, None)).keys().isdisjoint({"subject", "data"})


@pytest.mark.parametrize("data", ["", "{x", "[" * 100_000])
def test_data_that_is_no_json_is_refused(data: str) -> None:
    with pytest.raises(ValueError, match="--data: not JSON"):
        new_event("a.b", "/x", None, data)
