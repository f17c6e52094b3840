"""This machine as it would be after a plain install of qontract, or one with some extras."""

from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from tools.sbom import needed

_HIDING = """
import sys

HIDDEN = {hidden!r}


class Hiding:
    def find_spec(self, name, path=None, target=None):
        if name in HIDDEN:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Hiding())
"""


def install(site: Path, *extras: str) -> dict[str, str]:
    """Return the settings of processes that find only what an install with these extras has; `site` is a directory."""
    (site / "sitecustomize.py").write_text(_HIDING.format(hidden=hidden(*extras)))
    return {"PYTHONPATH": str(site)}


def hidden(*extras: str) -> set[str]:
    """Return the modules on this machine that an install with these extras does not have."""
    there, owners = needed(extras), owners_of_modules()
    return {module for module, packages in owners.items() if not packages & there.keys()}


@cache
def owners_of_modules() -> dict[str, set[str]]:
    """Return the modules that are installed on this machine, with the packages that bring them.

    They are those at the top; where packages share one, as `opentelemetry`, those below it.
    """
    owners: dict[str, set[str]] = {
        module: {*map(canonicalize_name, found)} for module, found in packages_distributions().items()
    }
    for package in tuple(owners["opentelemetry"]):
        for file in distribution(package).files or ():
            if file.suffix == ".py":
                depth = 5 if file.parts[:2] == ("opentelemetry", "exporter") else 2
                owners.setdefault(".".join(file.with_suffix("").parts[:depth]), set()).add(package)
    return owners
