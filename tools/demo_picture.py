"""`make picture`: docs/demo.svg, what a terminal of 80 columns shows of `qontract demo`. It is run for it."""

import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

FILE = Path(__file__).parents[1] / "docs" / "demo.svg"
_COLUMNS = 80
_FONT = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def picture(said: str) -> str:
    """Return the picture of what a command said, with its colours."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=_COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(Text.from_ansi(said.strip("\n")))
        made = console.export_svg(title="make demo", unique_id="demo")
    return _FONT.sub("", made)  # it would come from another host; without it there is the reader's own


def main() -> None:
    """Run the demo, and write what it said."""
    terminal = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(_COLUMNS)}
    command = [sys.executable, "-m", "qontract.entrypoints.cli", "demo"]
    done = subprocess.run(command, env=os.environ | terminal, stdout=subprocess.PIPE, text=True, check=True)
    FILE.write_text(picture(done.stdout), encoding="utf-8")


if __name__ == "__main__":
    main()
