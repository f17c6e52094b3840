"""Files that only we may read: on a machine that others use too."""

import logging
import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

log = logging.getLogger(__name__)

_OTHERS = 0o077
"""The rights of the group and of everybody else."""


class ForeignFileError(OSError):
    """A file or directory is another user's, or no plain one: whatever is in it may be his, or go to him."""


def prepare(path: Path) -> None:
    """See to it that `path` is a plain file of ours that nobody else may read, made empty if it was not there.

    Its directory is made for us alone if it is missing. A file of ours with wider rights gets narrower ones. No
    descriptor of the file itself is opened: closing one would end the locks that SQLite has on it in this process
    (SQLite, "How To Corrupt", 2.2).

    Raises ForeignFileError, or another OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_foreign_directory(path.parent)
    try:
        _narrow(path, path.lstat())
    except FileNotFoundError:
        _make(path)


def open_to_append(path: Path) -> int:
    """Return a descriptor that appends to `path`; made, it is a file that nobody else may read.

    A link is followed if we or the system made it, and what is no plain file is taken as it is: `/dev/stdout` is both.
    Raises ForeignFileError, or another OSError.
    """
    _refuse_foreign_directory(path.parent)
    if path.is_symlink() and path.lstat().st_uid not in _trusted():
        raise ForeignFileError(_whose(f"the link {path}", path.lstat()))
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            _refuse_foreign(path, status)
            if status.st_mode & _OTHERS:
                os.fchmod(descriptor, 0o600)
                _log_narrowed(path, status)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def refuse_foreign(path: Path) -> None:
    """Raise ForeignFileError if there is such a file and it is a link, no plain file, or another user's."""
    with suppress(FileNotFoundError):
        _refuse_foreign(path, path.lstat())


def _trusted() -> tuple[int, ...]:
    """Return who may own the way to a file of ours: we, and root, who can do everything anyway."""
    return os.geteuid(), 0


def _refuse_foreign_directory(directory: Path) -> None:
    for status in (directory.lstat(), directory.stat()):  # a link that stands for it, and itself
        if status.st_uid not in _trusted():
            raise ForeignFileError(_whose(f"the directory {directory}", status))


def _narrow(path: Path, status: os.stat_result) -> None:
    _refuse_foreign(path, status)
    if status.st_mode & _OTHERS:
        path.chmod(0o600)
        _log_narrowed(path, status)


def _log_narrowed(path: Path, status: os.stat_result) -> None:
    before = oct(stat.S_IMODE(status.st_mode))
    log.warning("permissions of a file narrowed", extra={"file": str(path), "before": before})


def _refuse_foreign(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ForeignFileError(f"{path} is a link or another thing that is no plain file: give the file itself")
    if status.st_uid != os.geteuid():
        raise ForeignFileError(_whose(str(path), status))


def _whose(what: str, status: os.stat_result) -> str:
    return (
        f"{what} is of the user {status.st_uid}, and this process of the user {os.geteuid()}: give it to that one, or"
        " choose another place"
    )


def _make(path: Path) -> None:
    """Make the file, empty; or leave the one that another process has made meanwhile, if it is ours."""
    own = path.with_name(f".{path.name}.{token_hex(8)}")
    os.close(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        os.link(own, path)  # it never had an open descriptor under this name, and never wider rights
    except FileExistsError:
        _narrow(path, path.lstat())
    finally:
        own.unlink()
