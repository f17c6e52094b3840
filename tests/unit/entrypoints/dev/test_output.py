"""What processes say, as it is shown."""

import io
import json

import pytest
from rich.console import Console

from qontract.entrypoints.dev.output import harmless, line_printer, readable


def log_line(event: str, level: str = "info", **more: object) -> str:
    return json.dumps({"event": event, "level": level, "timestamp": "now", "logger": "qontract", **more})


def test_a_log_line_is_what_happened_and_its_details() -> None:
    assert list(readable(log_line("action applied", subject="acme/team-a"))) == ["action applied subject=acme/team-a"]


def test_a_level_above_info_comes_first() -> None:
    assert list(readable(log_line("scope failed", level="error"))) == ["error: scope failed"]


@pytest.mark.parametrize("line", ["plain text", '{"json": "without an event"}', "[1, 2]", "7"])
def test_any_other_line_is_shown_as_it_is(line: str) -> None:
    assert list(readable(f"{line}\n")) == [line]


def test_each_line_of_a_traceback_is_a_line() -> None:
    line = log_line("job failed", level="error", exception="Traceback:\n  raise\x1b[31m\nValueError: x")
    assert list(readable(line)) == ["error: job failed", "  Traceback:", "    raise\\x1b[31m", "  ValueError: x"]


@pytest.mark.parametrize(
    "line", ["\n", log_line("FastStream app started successfully! To exit, press CTRL+C"), log_line("")]
)
def test_what_says_nothing_and_how_one_process_would_be_ended_is_not_shown(line: str) -> None:
    assert list(readable(line)) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\rb\x9bc\x7f", "a\\rb\\x9bc\\x7f"),
        ("one\ntwo", "one\\ntwo"),
        ("left\u202eright", "left\\u202eright"),
        ("grüße → 日本 🎉", "grüße → 日本 🎉"),
    ],
)
def test_a_control_character_is_shown_and_not_obeyed(text: str, shown: str) -> None:
    assert harmless(text) == shown
    assert list(readable(f"said {text} indeed")) == [f"said {shown} indeed"]
    assert list(readable(log_line("said", by=text))) == [f"said by={shown}"]


def test_a_line_is_shown_after_the_name_of_its_process_and_is_no_markup() -> None:
    written = io.StringIO()
    line_printer(Console(file=written), width=10)("api", io.StringIO("[bold]one[/]\ntwo\n"))
    assert written.getvalue().splitlines() == ["       api [bold]one[/]", "       api two"]
