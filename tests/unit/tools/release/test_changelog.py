"""How a release cuts the changelog, and which version may follow which."""

from datetime import date

import pytest

from tests.support.paths import ROOT
from tools.release.changelog import NotReadyError, cut, tag_of

DAY = date(2026, 1, 31)
BEFORE = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n\n## [0.1.0] - 2026-01-01\n\n- The first.\n"


def test_what_was_unreleased_is_of_the_version_and_the_day_and_nothing_else_changes() -> None:
    heading = "## [Unreleased]\n\n## [0.2.0] - 2026-01-31\n"
    assert cut(BEFORE, "0.2.0", DAY) == BEFORE.replace("## [Unreleased]\n", heading)


def test_what_was_cut_is_not_cut_again() -> None:
    with pytest.raises(NotReadyError, match="names nothing"):
        cut(cut(BEFORE, "0.2.0", DAY), "0.2.1", DAY)


def test_the_changelog_of_this_project_has_the_heading_that_is_cut() -> None:
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("changelog", ["# Changelog\n", "## [Unreleased]\n\n### Added\n\n## [0.1.0]\n\n- The first.\n"])
def test_a_changelog_that_says_nothing_new_is_no_release(changelog: str) -> None:
    with pytest.raises(NotReadyError, match=r"CHANGELOG\.md"):
        cut(changelog, "0.2.0", DAY)


def test_a_version_is_tagged_with_a_v() -> None:
    assert tag_of("0.2.0", ["v0.1.0", "v0.2.0rc1", "vineyard"]) == "v0.2.0"
    assert tag_of("0.1.0", []) == "v0.1.0"


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0", "0.2.0rc2"])
def test_a_version_that_is_tagged_or_older_is_refused(version: str) -> None:
    with pytest.raises(NotReadyError, match=r"does not follow 0\.2\.0"):
        tag_of(version, ["v0.1.0", "v0.2.0"])


@pytest.mark.parametrize(
    "version", ["", "v0.2.0", "0.2.0.", "next", "0.2.0.dev1", "0.2.0+mine", "0.2.0.post1", "0.2.0-rc1"]
)
def test_what_is_no_version_of_a_release_is_refused(version: str) -> None:
    with pytest.raises(NotReadyError, match="is no version of a release"):
        tag_of(version, [])
