"""The spool on a real disk: several processes, kill -9, limits, and files that are not as they should be."""

import json
import signal
import sqlite3
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import pytest
from pydantic import JsonValue

from qontract.adapters.sqlite import SqliteEventSpool
from qontract.application.ports.event_spool import EventSpoolError
from qontract.domain.events import DomainEvent
from qontract.testing.contracts.event_spool import EventSpoolContract
from qontract.testing.contracts.intents import SCOPE, an_event
from tests.support.waiting import until


def spool_at(path: Path, max_bytes: int = 50_000_000) -> SqliteEventSpool:
    """Return a spool that waits for its turn as long as a slow disk may take for all of those before it."""
    return SqliteEventSpool(path, max_bytes=max_bytes, busy_seconds=30)


class TestSqliteEventSpool(EventSpoolContract):
    @pytest.fixture
    def intents(self, tmp_path: Path) -> SqliteEventSpool:
        return spool_at(tmp_path / "made" / "when-needed" / "events.sqlite")

    @pytest.fixture
    def small(self, tmp_path: Path) -> SqliteEventSpool:
        return spool_at(tmp_path / "small.sqlite", max_bytes=200_000)


def test_an_empty_spool_needs_no_place_on_the_disk(tmp_path: Path) -> None:
    spool = spool_at(tmp_path / "none" / "events.sqlite")
    assert (list(spool.oldest(1)), spool.pending()) == ([], {})
    spool.remove([an_event()])
    spool.resolve([an_event()], applied=True)
    assert list(tmp_path.iterdir()) == []


def test_what_one_process_appended_another_finds_in_order(tmp_path: Path) -> None:
    events = [an_event(number) for number in range(10)]
    spool_at(tmp_path / "spool").append(events[:5])
    other = spool_at(tmp_path / "spool")
    other.append(events[5:])
    assert list(spool_at(tmp_path / "spool").oldest(100)) == events


def _append_many(path: Path, batch: int) -> None:
    spool = spool_at(path)
    for number in range(20):
        spool.append([an_event(1000 * batch + number)])


def test_processes_that_begin_one_spool_at_once_lose_nothing_and_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    processes = [get_context("spawn").Process(target=_append_many, args=(path, batch)) for batch in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    numbers = [event.model_dump()["data"]["number"] for event in spool_at(path).oldest(1000)]
    for batch in range(4):
        assert [number for number in numbers if number // 1000 == batch] == [1000 * batch + n for n in range(20)]


_APPENDING = """
import sys
from pathlib import Path
from qontract.adapters.sqlite import SqliteEventSpool
from qontract.domain.events import DomainEvent
spool = SqliteEventSpool(Path(sys.argv[1]), max_bytes=50_000_000)
for number in range(100_000):
    spool.append([DomainEvent(type="a.b", data={"number": number, "half": half}) for half in (1, 2)])
    print(number, flush=True)
"""


@pytest.mark.parametrize("seed", range(5))
def test_kill_9_loses_nothing_that_append_returned_for_and_leaves_no_half_call(tmp_path: Path, seed: int) -> None:
    path, said = tmp_path / "spool", tmp_path / "said"
    with said.open("w") as output:
        process = subprocess.Popen([sys.executable, "-c", _APPENDING, str(path)], stdout=output)
    until(lambda: said.read_text().count("\n") > 3 + 7 * seed)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    returned = said.read_text().count("\n")
    found = [event.model_dump()["data"] for event in spool_at(path).oldest(1_000_000)]
    numbers = [(data["number"], data["half"]) for data in found]
    assert numbers == [(number, half) for number in range(len(numbers) // 2) for half in (1, 2)]
    assert returned <= len(numbers) // 2 <= returned + 1


def test_the_spool_of_another_version_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE events_of_old (event TEXT)")
        other.execute("INSERT INTO events_of_old VALUES ('precious')")
        other.execute("PRAGMA user_version = 7")
    other.close()
    before = path.read_bytes()
    with pytest.raises(EventSpoolError, match=r"version of qontract \(format 7.*move it away"):
        spool_at(path).append([an_event()])
    assert path.read_bytes() == before


def test_the_database_of_another_program_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE precious (thing TEXT)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(EventSpoolError, match="another program"):
        spool_at(path).append([an_event()])
    assert path.read_bytes() == before


def test_an_event_that_could_not_be_read_back_is_refused(tmp_path: Path) -> None:
    deep: JsonValue = {}
    for _ in range(300):
        deep = {"deeper": deep}
    spool = spool_at(tmp_path / "spool")
    with pytest.raises(EventSpoolError):
        spool.append([DomainEvent.model_construct(type="a.b", id="1", data=deep, time=an_event().time)])
    assert list(spool.oldest(9)) == []


def test_a_directory_that_cannot_be_searched_is_an_error_of_the_spool(tmp_path: Path) -> None:
    spool = spool_at(tmp_path / ("x" * 300) / "spool")
    with pytest.raises(EventSpoolError, match="too long"):
        spool.oldest(1)


@pytest.mark.parametrize("content", [b"not a database at all" * 500, b"SQLite format 3\0 and then nothing"])
def test_a_file_that_is_no_spool_is_refused_and_not_touched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "spool"
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(EventSpoolError, match="move it away"):
            spool_at(path).append([an_event()])
        with pytest.raises(EventSpoolError, match=str(path)):
            spool_at(path).oldest(1)
    assert path.read_bytes() == content


def test_a_spool_that_was_cut_short_is_refused_or_has_its_events_and_is_never_emptied(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    spool_at(path).append([DomainEvent(type="a.b", data={"text": "x" * 5_000}) for _ in range(20)])
    half = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(half)
    with pytest.raises(EventSpoolError, match="malformed"):
        spool_at(path).oldest(100)
    assert path.read_bytes() == half


def test_what_a_newer_class_of_a_type_refuses_is_still_an_event(tmp_path: Path) -> None:
    spool = spool_at(tmp_path / "spool")
    spool.append([DomainEvent(type="qontract-api.slack-usergroups.create", data={"as": "it was"})])
    (event,) = spool.oldest(1)
    assert event.data == {"as": "it was"}


def test_a_spool_that_was_moved_away_is_begun_anew_where_it_was(tmp_path: Path) -> None:
    path, (first, second) = tmp_path / "spool", (an_event(1), an_event(2))
    spool = spool_at(path)
    spool.append([first])
    path.rename(tmp_path / "away")
    spool.append([second])
    assert list(spool.oldest(9)) == [second]
    assert list(spool_at(path).oldest(9)) == [second]


def test_a_place_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    spool = spool_at(tmp_path / "file" / "spool")
    with pytest.raises(EventSpoolError, match=r"file/spool.*make it writable"):
        spool.append([an_event()])
    with pytest.raises(EventSpoolError):
        spool.record(SCOPE, an_event())
    assert list(spool.oldest(1)) == []


_ON_A_FULL_DISK = """
import json, resource, sys
from pathlib import Path
from qontract.adapters.sqlite import SqliteEventSpool
from qontract.application.ports.event_spool import EventSpoolError
from qontract.domain.events import DomainEvent
spool = SqliteEventSpool(Path(sys.argv[1]), max_bytes=50_000_000)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
kept = []
try:
    while True:
        event = DomainEvent(type="a.b", data={"text": "x" * 2_000})
        spool.append([event])
        kept.append(event.id)
except EventSpoolError as error:
    print(json.dumps([kept, str(error)]))
"""


def test_a_disk_that_is_full_is_an_error_and_what_was_kept_stays(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: the system refuses the write all the same."""
    command = [sys.executable, "-c", _ON_A_FULL_DISK, str(tmp_path / "spool")]
    kept, error = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert str(tmp_path / "spool") in error
    assert [event.id for event in spool_at(tmp_path / "spool").oldest(10_000)] == kept != []


def test_others_cannot_read_the_directory_that_it_makes(tmp_path: Path) -> None:
    spool_at(tmp_path / "made" / "spool").append([an_event()])
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700
