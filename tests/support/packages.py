"""Packages that are installed for a test: what they name in groups of entry points."""

from collections.abc import Mapping
from pathlib import Path


def install(site: Path, package: str, groups: Mapping[str, Mapping[str, str]]) -> None:
    """Make the package known below `site`, with the entry points of each group: name → `module:name`."""
    info = site / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [
        line
        for group, entries in groups.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
