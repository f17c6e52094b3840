"""The first screen of README.md: its picture, and its figures."""

import re
from html import unescape

import pytest

from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text()
PICTURE = (ROOT / "docs" / "demo.svg").read_text()
COLUMN = 12.2
"""How wide a letter of the picture is."""
FIRST_SCREEN = README.partition("\n## ")[0]
CLAIMS = re.findall(r"^(?:\| |- )((?!it promises).+(?:\n  .+)*)", FIRST_SCREEN, re.MULTILINE)


def plain(text: str) -> list[str]:
    """Return the lines, without times."""
    return [re.sub(r"\d\d:\d\d:\d\d|\d+\.\d s", "…", line).rstrip() for line in text.strip("\n").splitlines()]


def test_the_picture_shows_what_the_page_of_the_first_five_minutes_shows() -> None:
    lines: dict[float, str] = {}
    texts = re.findall(r'<text [^>]*x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>', PICTURE.partition('-matrix">')[2])
    for left, top, text in texts:
        before = lines.get(float(top), "").ljust(round(float(left) / COLUMN))
        lines[float(top)] = before + unescape(text).replace("\xa0", " ").strip("\n")
    [demo, *_] = re.findall(r"```text\n(.*?)```", (ROOT / "docs/first-five-minutes.md").read_text(), re.DOTALL)
    assert plain("\n".join(lines[top] for top in sorted(lines))) == plain(demo)


def test_the_picture_loads_nothing() -> None:
    assert "font-face" not in PICTURE
    assert re.findall(r"(?:href|src|url)[=(]", PICTURE.replace("url(#", "")) == []


@pytest.mark.parametrize("number", range(len(CLAIMS)))
def test_each_figure_is_on_the_page_that_the_readme_gives_for_it(number: int) -> None:
    claim = CLAIMS[number]
    figures = re.findall(r"(?<![\w-])\d[\d,.]*\d(?!\w)", re.sub(r"\]\([^)]*\)", "]", claim))
    pages = "".join((ROOT / page).read_text() for page in re.findall(r"\]\(([\w/.-]+\.md)", claim))
    assert [
        figure for figure in figures if not re.search(rf"(?<![\d,.]){re.escape(figure)}(?![\d,]|\.\d)", pages)
    ] == []
