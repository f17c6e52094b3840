"""What `make docs` adds to MkDocs: pages that stand beside docs/, and links that lead there.

A link to a file that is no page, such as an example, is its text alone: the site stands without the repository.
"""

import re
from os.path import relpath
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
BESIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
}
"""Files beside docs/, each with the page that it is."""
_LINK = re.compile(r"(!?)\[((?:[^][]|\[[^]]*\])*)\]\(([^)#:]+)(#[^)]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that stand beside docs/."""
    for source, page in BESIDE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:
    """Let each link lead to a page of the site."""
    return with_links(markdown, page.file.src_uri)


def with_links(markdown: str, page: str) -> str:
    """Return the text of this page with links as they are in the site."""
    source = next((file for file, there in BESIDE.items() if there == page), f"docs/{page}")

    def link(found: re.Match[str]) -> str:
        image, text, target, anchor = found.groups()
        path = normpath(join(dirname(source), target))
        if (ROOT / path).is_dir() and (ROOT / path / "README.md").exists():
            path += "/README.md"
        if path not in BESIDE and not path.startswith("docs/"):
            return text
        there = BESIDE.get(path) or path.removeprefix("docs/")
        return f"{image}[{text}]({relpath(there, dirname(page) or '.')}{anchor or ''})"

    return _LINK.sub(link, markdown)
