"""What commands print: texts from elsewhere that do nothing to a terminal, and tables that fit it."""

import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import Any

from rich.cells import cell_len, set_cell_size

_NARROWEST = 80
_GAP = "  "
_SHORTEST = 6


def safe(text: object) -> str:
    """Return text that a terminal only shows: what is not printable is escaped, as in JSON."""
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in str(text))


def as_json(value: Any, indent: int | None = None) -> str:
    """Return the value as JSON, in characters that a terminal only shows."""
    return "\n".join(map(safe, json.dumps(value, indent=indent, ensure_ascii=False).split("\n")))


def width() -> int | None:
    """Return how many columns the terminal has, 80 at least; None if nobody is watching: then nothing is cut."""
    return max(_NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None


def folded(text: str, columns: int | None) -> list[str]:
    """Return the text in lines of so many columns, broken at spaces; None: in one.

    A command to type stays in one line, or it cannot be copied; so does a word that is longer.
    """
    is_command = text.lstrip().startswith("next: qontract ")
    if columns is None or len(text) <= columns or is_command:
        return [text]
    rest = " " * (len(text) - len(text.lstrip()) + len(_GAP))
    return wrap(text, columns, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], columns: int | None) -> Iterator[str]:
    """Yield the lines of a table that has so many columns at most: the widest cells are cut, at their end."""
    texts = [[safe(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*texts, strict=True)]
    room = float("inf") if columns is None else columns - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room and max(widths) > _SHORTEST:
        widths[widths.index(max(widths))] -= 1
    for row in texts:
        yield line(row, widths)


def line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Return one line of a table; each cell is cut to its width."""
    return _GAP.join(cut(cell, width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def cut(text: str, width: int, *, at_start: bool = False) -> str:
    """Return the text in so many columns: padded, or cut at its end or, where that says more, at its start."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    if at_start:
        while cell_len(text) > width - 1:
            text = text[1:]
        return set_cell_size(f"…{text}", width)
    return f"{set_cell_size(text, width - 1)}…"
