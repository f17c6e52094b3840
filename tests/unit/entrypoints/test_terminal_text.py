"""What commands print: harmless to a terminal, and as wide as that."""

import json

import pytest
from rich.cells import cell_len

from qontract.entrypoints.terminal_text import as_json, cut, folded, safe, table

HOSTILE = "a\x1b[2J\x9b\r\n\t\u202e\ud800é"


def test_what_is_not_printable_is_escaped() -> None:
    assert safe(HOSTILE) == r"a\u001b[2J\u009b\r\n\t\u202e\ud800é"
    assert safe(7) == "7"


@pytest.mark.parametrize("indent", [None, 2])
def test_json_has_only_what_is_printable_and_says_the_same(indent: int | None) -> None:
    text = as_json({"x": HOSTILE, "y": [1]}, indent)
    assert all(line.isprintable() for line in text.split("\n"))
    assert json.loads(text) == {"x": HOSTILE, "y": [1]}


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abc", 5, "abc  "),
        ("abcde", 5, "abcde"),
        ("abcdef", 5, "abcd…"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日 …"),
    ],
)
def test_a_text_is_padded_or_cut_to_so_many_columns(text: str, width: int, shown: str) -> None:
    assert cut(text, width) == shown


def test_a_text_whose_end_says_more_is_cut_at_its_start() -> None:
    assert cut("abcdef", 4, at_start=True) == "…def"
    assert cut("abc", 4, at_start=True) == "abc "


def test_a_table_fits_and_cuts_what_is_widest() -> None:
    rows = [("short", "x" * 100, 1), ("a", "y", 22)]
    lines = list(table(("NAME", "WHAT", "N"), rows, 80))
    assert [cell_len(line) <= 80 for line in lines] == [True] * 3
    assert lines[0].split() == ["NAME", "WHAT", "N"]
    assert lines[1].startswith("short  xxxx")
    assert lines[1].endswith("x…  1")
    assert lines[2].split() == ["a", "y", "22"]


def test_a_table_that_nobody_watches_cuts_nothing_and_escapes_all_the_same() -> None:
    lines = list(table(("NAME",), [("x" * 300 + "\x1b",)], None))
    assert lines == ["NAME", "x" * 300 + r"\u001b"]


LONG = "  it failed with " + "a-word of many-words " * 20 + "x" * 100 + " end"


def test_a_long_line_is_broken_at_spaces_and_the_rest_is_indented() -> None:
    lines = folded(LONG, 80)
    assert [len(line) <= 80 for line in lines].count(False) == 1, "but for the word that is longer"
    assert all(line.startswith("    ") for line in lines[1:])
    assert " ".join(lines).split() == LONG.split()


@pytest.mark.parametrize(
    ("text", "columns"), [(LONG, None), ("  short", 80), ("  next: qontract why " + "a/b " * 40, 80)]
)
def test_what_is_short_or_a_command_or_goes_into_a_pipe_is_one_line(text: str, columns: int | None) -> None:
    assert folded(text, columns) == [text]


def test_a_table_without_rows_has_its_headings() -> None:
    assert list(table(("NAME", "STATE"), [], 80)) == ["NAME  STATE"]
