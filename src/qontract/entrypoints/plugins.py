"""What installed packages bring: entry points, found by group, and what is wrong with one."""

import logging
import re
from collections.abc import Mapping
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, requires

from prometheus_client import Gauge

from qontract.entrypoints.settings.reading import SettingsProblemsError

log = logging.getLogger(__name__)

EVENTS = "qontract.events"
"""Modules of event types: to be known, a type has to be imported."""

REFUSED = Gauge("qontract_packages_refused", "Entry points of packages that were refused, by their group", ["group"])

_MAX_LENGTH = 500
"""Characters of somebody else's error in a line of ours."""


def installed(group: str, refused: dict[str, str]) -> dict[str, EntryPoint]:
    """Return the entry points by name: of several with one name ours, or else that of the first package by name."""
    found: dict[str, EntryPoint] = {}
    by_package = sorted(entry_points(group=group), key=package_of)
    for entry in sorted(by_package, key=lambda entry: not package_of(entry).startswith("qontract ")):
        first = found.setdefault(entry.name, entry)
        if first is not entry:
            error = f"{package_of(first)} has an entry of this name too, which is taken; one has to be renamed"
            refuse(refused, group, entry, error)
    return found


def installed_names(group: str) -> set[str]:
    """Return the names of the entry points, without loading any."""
    return {entry.name for entry in entry_points(group=group)}


def load_event_types() -> dict[str, str]:
    """Import the event types of all packages. Return those that could not be, by name, with the reason."""
    refused: dict[str, str] = {}
    for entry in installed(EVENTS, refused).values():
        try:
            entry.load()
        except (Exception, SystemExit) as error:
            refuse(refused, EVENTS, entry, error_text(error))
            log.debug("event types refused for this error", exc_info=True)
    REFUSED.labels(EVENTS).set(len(refused))
    return refused


def merged(*refused: Mapping[str, str]) -> dict[str, str]:
    """Return what was refused in several groups: with all the reasons, if two have one name."""
    lines: dict[str, str] = {}
    for each in refused:
        for name, line in each.items():
            lines[name] = f"{lines[name]}; {line}" if name in lines else line
    return lines


def refuse(refused: dict[str, str], group: str, entry: EntryPoint, error: str) -> None:
    """Log what is wrong with an entry point, and add it to what was refused under its name."""
    where = {"package": package_of(entry), "entry_point": entry.value}
    log.error("package refused", extra={"group": group, "name_in_group": entry.name, **where, "error": error})
    line = ": ".join([*where.values(), error])
    refused[entry.name] = f"{refused[entry.name]}; {line}" if entry.name in refused else line


def package_of(entry: EntryPoint) -> str:
    """Return the name and version of the package that has the entry point."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown package"


def error_text(error: BaseException) -> str:
    """Return the error as one line of a bounded length; what its text raises is somebody else's too."""
    kind = type(error).__name__
    if extra := missing_extra(error):
        return f"it needs an extra that is not installed: pip install 'qontract[{extra}]'"
    try:
        text = str(error) if type(error) in (ValueError, SettingsProblemsError) else f"{kind}: {error}"
    except Exception:  # noqa: BLE001 - as above
        text = kind
    return " ".join(text.split())[:_MAX_LENGTH]


def missing_extra(error: BaseException) -> str | None:
    """Return the smallest extra of qontract that has the module which was not found, if the error is that of one."""
    if not (isinstance(error, ModuleNotFoundError) and error.name):
        return None
    module = _normal(error.name)
    try:
        requirements = requires("qontract") or ()
    except PackageNotFoundError:  # it runs from its sources, and has no extras
        return None
    extras: dict[str, set[str]] = {}
    for requirement in requirements:
        if found := re.fullmatch(r"([\w.-]+).*; extra == '([\w-]+)'", requirement):
            extras.setdefault(found[2], set()).add(_normal(found[1]))
    having = [extra for extra, packages in extras.items() if any(_has(package, module) for package in packages)]
    return min(having, key=lambda extra: len(extras[extra]), default=None)


def _has(package: str, module: str) -> bool:
    """Say whether the module is the package's: it is named like it, or after a part of it, from either's beginning."""
    return f"{package}-".startswith(f"{module}-") or f"{module}-".startswith(f"{package}-")


def _normal(name: str) -> str:
    """Return the name in which a package and its module are equal."""
    return re.sub(r"[-_.]+", "-", name).lower()
