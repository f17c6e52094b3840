"""This machine as it would be after a plain install of qontract, or one with some extras."""

from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from tests.sbom import needed

_HIDING = """
import sys

HIDDEN = {hidden!r}


class Hiding:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Hiding())
"""


def install(site: Path, *extras: str) -> dict[str, str]:
    """Return the settings of processes that find only what an install with these extras has; `site` is a directory."""
    (site / "sitecustomize.py").write_text(_HIDING.format(hidden=hidden(*extras)))
    return {"PYTHONPATH": str(site)}


def hidden(*extras: str) -> set[str]:
    """Return the modules on this machine that an install with these extras does not have."""
    there = needed(extras)
    distributions = packages_distributions().items()
    return {module for module, found in distributions if not there.keys() & set(map(canonicalize_name, found))}
