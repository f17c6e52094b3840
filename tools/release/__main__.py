"""`make release VERSION=1.2.3`: the changelog is cut, committed and tagged, both packages are built and tried.

All of it is done in a clone of this clone. Only when everything was right does this one get the commit, the tag and the
packages. Nothing is pushed, and nothing is published.
"""

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.release.changelog import NotReadyError, cut, tag_of
from tools.release.packages import ReleaseError, build, check, run

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Make the release that the command line names."""
    if len(sys.argv) != 2:  # noqa: PLR2004 - the command and one argument
        sys.exit("say which version it is to be: make release VERSION=1.2.3")
    try:
        release(ROOT, sys.argv[1])
    except (NotReadyError, ReleaseError) as error:
        sys.exit(f"nothing is released, and nothing is changed: {error}")


def release(root: Path, version: str) -> None:
    """Make the release, in the clone at `root`. Raises NotReadyError, and ReleaseError: then nothing is changed."""
    branch = _branch(root)
    tag = tag_of(version, _git(root, "tag", "--list", "v*").split())
    changelog = cut((root / "CHANGELOG.md").read_text(), version, datetime.now(UTC).date())
    with TemporaryDirectory(prefix="qontract-release-") as name:
        clone, target = Path(name) / "clone", Path(name) / "dist"
        _say(f"version {version}: what was unreleased is of today, and the commit is tagged {tag}")
        _git(root, "clone", "--quiet", "--branch", branch, str(root), str(clone))
        (clone / "CHANGELOG.md").write_text(changelog)
        _commit(root, clone, version, tag)
        packages = build(clone, target, version)
        tracked = _git(clone, "ls-files", "src").splitlines()
        for found in check(packages, version, tracked, clone / "requirements.lock"):
            _say(found)
        _git(root, "fetch", "--quiet", str(clone), "HEAD")
        _git(root, "merge", "--quiet", "--ff-only", "FETCH_HEAD")
        _git(root, "fetch", "--quiet", str(clone), "tag", tag)
        (root / "dist").mkdir(exist_ok=True)
        files = [shutil.copy(package, root / "dist") for package in packages]
    print(_next(branch, tag, [str(Path(file).relative_to(root)) for file in files]))


def _branch(root: Path) -> str:
    """Return the branch, if a release can be made from this clone. Raises NotReadyError."""
    if changed := _git(root, "status", "--porcelain"):
        raise NotReadyError(f"there are changes that are not committed; commit them, or put them aside:\n{changed}")
    if _git(root, "rev-parse", "--is-shallow-repository") != "false":
        raise NotReadyError("this clone is shallow, and may not know every tag: git fetch --unshallow --tags")
    if not (branch := _git(root, "branch", "--show-current")):
        raise NotReadyError("no branch is checked out; check out the one that is to have the release")
    return branch


def _commit(root: Path, clone: Path, version: str, tag: str) -> None:
    """Commit and tag in the clone, in the name that `root` has for its commits."""
    who = [
        part
        for key in ("user.name", "user.email")
        if (value := _git(root, "config", "--default", "", key))
        for part in ("-c", f"{key}={value}")
    ]
    _git(clone, *who, "commit", "--quiet", "--all", "--message", f"Release {version}")
    _git(clone, *who, "tag", "--annotate", "--message", f"qontract {version}", tag)


def _git(directory: Path, *arguments: str) -> str:
    return run("git", *arguments, directory=directory).strip()


def _say(text: str) -> None:
    print(f"✓ {text}", flush=True)


def _next(branch: str, tag: str, files: list[str]) -> str:
    return "\n".join(
        [
            "",
            "Nothing is published. What is next:",
            f"  look at it: git show {tag}",
            f"  push it: git push origin {branch} {tag}",
            f"  upload the packages: {' '.join(files)}",
            f"To undo it before that: git tag --delete {tag} && git reset --keep HEAD~",
        ]
    )


if __name__ == "__main__":
    main()
