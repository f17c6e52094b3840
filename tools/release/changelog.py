"""What a release does to the changelog, and which version may be the next one. Nothing here reaches outside."""

import re
from collections.abc import Iterable
from datetime import date

from packaging.version import InvalidVersion, Version

_UNRELEASED = "## [Unreleased]\n"
_NEXT_VERSION = re.compile(r"^## \[", re.MULTILINE)


class NotReadyError(Exception):
    """There is nothing to release yet; the message says why, and what to do."""


def cut(changelog: str, version: str, day: date) -> str:
    """Return the changelog, in which what was unreleased is of this version and day. Raises NotReadyError."""
    before, found, after = changelog.partition(_UNRELEASED)
    if not found:
        raise NotReadyError("CHANGELOG.md has no line `## [Unreleased]`; write one, with what is new below it")
    following = _NEXT_VERSION.search(after)
    if not re.search(r"^- ", after[: following.start() if following else None], re.MULTILINE):
        raise NotReadyError("CHANGELOG.md names nothing below `## [Unreleased]`; write what is new since the last one")
    return f"{before}{_UNRELEASED}\n## [{version}] - {day.isoformat()}\n{after}"


def tag_of(version: str, tags: Iterable[str]) -> str:
    """Return the tag of this version, if that is newer than each of the tags. Raises NotReadyError."""
    wanted = _version(version)
    if wanted is None or str(wanted) != version or wanted.local or wanted.is_devrelease or wanted.is_postrelease:
        raise NotReadyError(f"{version!r} is no version of a release; write it as 1.2.3, or as 1.2.3rc1")
    known = [found for found in map(_version, tags) if found]
    if known and wanted <= max(known):
        raise NotReadyError(f"{version} does not follow {max(known)}, which is tagged; take a later one")
    return f"v{version}"


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
