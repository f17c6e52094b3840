"""The two packages of a release: how they are built, and what is asked of them before anybody gets them."""

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from zipfile import ZipFile

from packaging.metadata import Metadata

EXTRAS = ("dev", "github", "jwks", "otel", "testing")
"""What is installed beside the wheel in the second environment."""


class ReleaseError(Exception):
    """A package is not as it has to be; the message says what is wrong with it."""


class Packages(NamedTuple):
    """The files of a release."""

    sdist: Path
    wheel: Path


def run(*command: str | Path, directory: Path) -> str:
    """Run the command to its end and return what it printed. Raises ReleaseError with what it said."""
    own = {"PYTHONDONTWRITEBYTECODE": "1"}
    # Neither our settings nor a version that somebody pretends.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("QAPI_", "SETUPTOOLS_SCM_"))}
    done = subprocess.run(command, cwd=directory, env=kept | own, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(source: Path, target: Path, version: str) -> Packages:
    """Build both from the clone, whose tag says the version. Raises ReleaseError."""
    run(sys.executable, "-m", "hatchling", "build", "-d", target, "-t", "sdist", "-t", "wheel", directory=source)
    packages = Packages(target / f"qontract-{version}.tar.gz", target / f"qontract-{version}-py3-none-any.whl")
    built = sorted(target.iterdir())
    if built != sorted(packages):
        raise ReleaseError(f"not what was to be built: {', '.join(file.name for file in built)}")
    return packages


def check(packages: Packages, version: str, tracked: Iterable[str], lock: Path) -> Iterable[str]:
    """Yield what was found to be right, one thing after the other.

    `tracked`: the files below `src/` that git has. Raises ReleaseError at the first thing that is wrong.
    """
    yield _metadata(packages.wheel, version)
    yield _files(packages.wheel, tracked)
    with TemporaryDirectory(prefix="qontract-release-") as name:
        directory = Path(name)
        yield _same_from_sdist(packages, directory)
        yield _plain_install(packages.wheel, version, lock, directory)
        yield _demo(packages.wheel, lock, directory)


def _metadata(wheel: Path, version: str) -> str:
    with ZipFile(wheel) as archive:
        content = archive.read(f"qontract-{version}.dist-info/METADATA")
    try:
        found = Metadata.from_email(content)  # whatever the specification forbids is an error
    except ExceptionGroup as errors:
        raise ReleaseError(f"the metadata is wrong: {'; '.join(map(str, errors.exceptions))}") from None
    missing = {"description", "license_expression", "requires_python"} - {
        name for name in ("description", "license_expression", "requires_python") if getattr(found, name)
    }
    if str(found.version) != version or missing:
        raise ReleaseError(f"the metadata says version {found.version}, and lacks: {', '.join(sorted(missing))}")
    return f"the metadata is valid: {found.name} {found.version}, {found.license_expression}"


def _files(wheel: Path, tracked: Iterable[str]) -> str:
    wanted = {file.removeprefix("src/") for file in tracked}
    found = {file for file in _names(wheel) if ".dist-info/" not in file}
    if differ := sorted(wanted ^ found):
        raise ReleaseError(f"the wheel and src/ differ: {', '.join(differ)}")
    return f"the wheel has the {len(found)} files that git has below src/, and no others"


def _same_from_sdist(packages: Packages, directory: Path) -> str:
    with tarfile.open(packages.sdist) as archive:
        archive.extractall(directory / "sdist", filter="data")
    [source] = (directory / "sdist").iterdir()
    again = directory / "again"
    run(sys.executable, "-m", "hatchling", "build", "-d", again, "-t", "wheel", directory=source)
    made = again / packages.wheel.name
    if not made.exists() or _contents(made) != _contents(packages.wheel):
        raise ReleaseError("the wheel that is built from the sdist is another one")
    return "the wheel that is built from the sdist is the same"


def _plain_install(wheel: Path, version: str, lock: Path, directory: Path) -> str:
    command = _installed(f"qontract @ {wheel.as_uri()}", lock, directory / "plain")
    said = run(command, "--version", directory=directory).strip()
    if said != f"qontract {version}":
        raise ReleaseError(f"qontract --version says {said!r}")
    run(command, "--help", directory=directory)
    return "in an empty environment, of the versions of the lock, it begins: qontract --help"


def _demo(wheel: Path, lock: Path, directory: Path) -> str:
    command = _installed(f"qontract[{','.join(EXTRAS)}] @ {wheel.as_uri()}", lock, directory / "extras")
    run(command, "demo", directory=directory)
    return "with its extras, it does the main job end to end: qontract demo"


def _installed(requirement: str, lock: Path, environment: Path) -> Path:
    """Return the command, of a new environment in which no version is another than in the lock."""
    uv: Sequence[str] = (sys.executable, "-m", "uv", "--quiet")
    run(*uv, "venv", "--python", sys.executable, environment, directory=environment.parent)
    options = ("--python", environment, "--constraint", lock, "--only-binary", ":all:")
    run(*uv, "pip", "install", *options, requirement, directory=environment.parent)
    return environment / "bin" / "qontract"


def _names(wheel: Path) -> list[str]:
    with ZipFile(wheel) as archive:
        return archive.namelist()


def _contents(wheel: Path) -> dict[str, int]:
    """Return what each file holds, as a checksum."""
    with ZipFile(wheel) as archive:
        return {file.filename: file.CRC for file in archive.infolist()}
