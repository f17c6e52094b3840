"""Files on a machine that others use: who may read the spool and the audit log, and whose files are taken."""

import logging
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from qontract.adapters.jsonlines import JsonLinesEventHandler
from qontract.adapters.sqlite import SqliteEventSpool
from qontract.application.ports.event_spool import EventSpoolError
from qontract.entrypoints.settings.groups import EventsSettings
from qontract.testing import deliver
from tests.support.handling import event

ANOTHER = 65534
Writing = Callable[[Path], None]


def spool(path: Path) -> None:
    """Keep an event. Raises EventSpoolError."""
    SqliteEventSpool(path, max_bytes=10_000_000).append([event()])


def audit(path: Path) -> None:
    """Write a line. Raises AssertionError with the reason."""
    outcome = deliver(JsonLinesEventHandler(JsonLinesEventHandler.Settings(file=str(path))), event())
    assert not outcome.dead_letters, outcome.dead_letters[0].failures[-1].error


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def give_away(mocker: MockerFixture) -> Callable[[Path], None]:
    """Make something another user's; who may not is another user himself from then on."""

    def give(path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, ANOTHER, ANOTHER, follow_symlinks=False)
        else:
            mocker.patch.object(os, "geteuid", return_value=ANOTHER)

    return give


both = pytest.mark.parametrize("write", [spool, audit])


@pytest.fixture(autouse=True)
def _wide_umask() -> Iterator[None]:
    """What others may do is not left to the umask."""
    before = os.umask(0)
    yield
    os.umask(before)


@both
def test_the_file_is_for_its_owner_alone(tmp_path: Path, write: Writing) -> None:
    tmp_path.chmod(0o755)
    write(tmp_path / "file")
    assert mode(tmp_path / "file") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert mode(tmp_path) == 0o755, "a directory that was there stays as it is"


def test_the_directory_of_the_spool_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    spool(tmp_path / "made" / "file")
    assert mode(tmp_path / "made") == 0o700


@both
def test_a_file_of_ours_with_wider_rights_gets_narrower_ones_and_it_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, write: Writing
) -> None:
    caplog.set_level(logging.WARNING)
    file = tmp_path / "file"
    write(file)
    file.chmod(0o664)
    write(file)
    assert mode(file) == 0o600
    assert [record.message for record in caplog.records] == ["permissions of a file narrowed"]
    if write is spool:
        assert len(SqliteEventSpool(file, max_bytes=10_000_000).oldest(9)) == 2


@both
def test_a_file_of_another_user_is_refused_and_not_touched(
    tmp_path: Path, give_away: Callable[[Path], None], write: Writing
) -> None:
    file = tmp_path / "file"
    write(file)
    before = file.read_bytes()
    give_away(file)
    with pytest.raises((EventSpoolError, AssertionError), match=r"file is of the user \d+, and this process of .*"):
        write(file)
    assert file.read_bytes() == before


@both
def test_a_directory_of_another_user_is_refused_and_not_written_to(
    tmp_path: Path, give_away: Callable[[Path], None], write: Writing
) -> None:
    (tmp_path / "his").mkdir(mode=0o777)
    give_away(tmp_path / "his")
    with pytest.raises((EventSpoolError, AssertionError), match=r"the directory \S+/his is of the user \d+"):
        write(tmp_path / "his" / "file")
    assert list((tmp_path / "his").iterdir()) == []


@both
def test_a_link_of_another_user_to_the_directory_is_refused(
    tmp_path: Path, give_away: Callable[[Path], None], write: Writing
) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "ours")
    give_away(tmp_path / "link")
    with pytest.raises((EventSpoolError, AssertionError), match=r"the directory \S+/link is of the user \d+"):
        write(tmp_path / "link" / "file")
    assert list((tmp_path / "ours").iterdir()) == []


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_not_followed_for_the_spool(tmp_path: Path, there: bool) -> None:
    target = tmp_path / "precious"
    if there:
        target.touch(mode=0o644)
    (tmp_path / "file").symlink_to(target)
    with pytest.raises(EventSpoolError, match="is a link"):
        spool(tmp_path / "file")
    assert target.exists() is there
    assert not there or (target.read_bytes(), mode(target)) == (b"", 0o644)


@pytest.mark.parametrize("journal", ["-journal", "-wal", "-shm"])
def test_a_journal_that_another_user_put_beside_the_spool_is_refused(
    tmp_path: Path, give_away: Callable[[Path], None], journal: str
) -> None:
    spool(tmp_path / "file")
    (tmp_path / f"file{journal}").write_bytes(b"x")
    give_away(tmp_path / f"file{journal}")
    with pytest.raises(EventSpoolError, match="is of the user"):
        SqliteEventSpool(tmp_path / "file", max_bytes=10_000_000).oldest(1)


def test_a_directory_or_a_pipe_is_no_spool(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "directory", tmp_path / "pipe"):
        with pytest.raises(EventSpoolError, match="no plain file"):
            spool(path)


def test_the_audit_log_follows_a_link_of_ours_and_none_of_another_user(
    tmp_path: Path, give_away: Callable[[Path], None]
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    audit(tmp_path / "link")
    assert mode(tmp_path / "target") == 0o600
    (tmp_path / "target").unlink()
    give_away(tmp_path / "link")
    with pytest.raises(AssertionError, match=r"the link \S+/link is of the user"):
        audit(tmp_path / "link")
    assert not (tmp_path / "target").exists()


def test_the_audit_log_may_be_what_is_no_plain_file() -> None:
    before = mode(Path("/dev/null"))
    audit(Path("/dev/null"))
    assert mode(Path("/dev/null")) == before


def test_without_a_home_the_directory_among_the_temporary_ones_is_not_that_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture, give_away: Callable[[Path], None]
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    mocker.patch.object(Path, "home", side_effect=RuntimeError)
    mocker.patch("qontract.entrypoints.settings.groups.gettempdir", return_value=str(tmp_path))
    file = EventsSettings().spool
    assert file == tmp_path / f"qontract-{os.geteuid()}" / "events.sqlite"
    file.parent.mkdir()
    spool(file)
    give_away(file.parent)
    for _ in range(2):
        with pytest.raises(EventSpoolError, match="is of the user"):
            SqliteEventSpool(file, max_bytes=10_000_000).oldest(1)
        with pytest.raises(EventSpoolError, match="is of the user"):
            spool(file)
