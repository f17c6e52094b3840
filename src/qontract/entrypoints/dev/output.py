"""What processes say, for a person at a terminal."""

import json
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO

from rich.console import Console
from rich.text import Text

Show = Callable[[str, IO[str]], None]
"""Shows each line of a process, which has this name, until the process has ended."""

_COLOURS = {"api": "cyan", "worker": "yellow", "subscriber": "green"}
_OTHERS = "magenta"
_LEVELS = {"warning": "yellow", "error": "red", "critical": "bold red"}
_LEFT_OUT = {"timestamp", "level", "logger", "job_id", "event_id"}
_NOT_SHOWN = "To exit, press CTRL+C"  # FastStream says it of one process, and it ends them all
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def line_printer(console: Console, width: int) -> Show:
    """Return what shows lines on the console, after the name of the process in so many columns."""

    def show(name: str, lines: IO[str]) -> None:
        prefix = f"{name:>{width}} ", _COLOURS.get(name, _OTHERS)
        for line in lines:
            for text in readable(line):
                said = text, _LEVELS.get(text.partition(":")[0], "")
                with suppress(OSError):  # the terminal is gone, and who writes to us is not to wait
                    console.print(Text.assemble(prefix, said), soft_wrap=True)

    return show


def readable(line: str) -> Iterator[str]:
    """Give a JSON log line as a person would write it, and any other line as it is; both harmless."""
    line = line.rstrip()
    try:
        entry = json.loads(line)
        said, level = str(entry.pop("event")), entry.get("level")
    except (ValueError, KeyError, TypeError, AttributeError):
        entry, said, level = {}, line, "info"
    if not said or _NOT_SHOWN in said:
        return
    traceback = str(entry.pop("exception", ""))
    details = [f"{key}={value}" for key, value in entry.items() if key not in _LEFT_OUT]
    yield harmless(" ".join([said if level == "info" else f"{level}: {said}", *details]))
    for part in traceback.splitlines():
        yield harmless(f"  {part}")


def harmless(text: str) -> str:
    r"""Return the text with `\x1b` in place of a control character, which a terminal would obey."""
    return "".join(
        character.encode("unicode_escape").decode() if unicodedata.category(character) in _UNPRINTABLE else character
        for character in text
    )
