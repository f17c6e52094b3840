"""Rows of the spool that are not what qontract wrote: each is set aside, and keeps back nothing else."""

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from qontract.adapters.sqlite import SqliteEventSpool
from qontract.testing.contracts.intents import SCOPE, an_event
from tests.support.hostile import ODD_BYTES, odd_objects

GOOD = an_event(7)
OBJECTS = dict(odd_objects(json.loads(GOOD.model_dump_json())))
UNREADABLE: dict[str, tuple[object, object]] = {
    **{name: ("odd", value) for name, value in ODD_BYTES.items()},
    **{f"as text: {name}": ("odd", value.decode(errors="replace")) for name, value in ODD_BYTES.items()},
    "no event": (GOOD.id, '{"type": [], "data": {}}'),
    "the id of another": ("odd", GOOD.model_dump_json()),
    "an id that is no UTF-8": (b"\xff", GOOD.model_dump_json()),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(path: Path) -> SqliteEventSpool:
    return SqliteEventSpool(path, max_bytes=50_000_000)


def put(path: Path, rows: Iterable[tuple[object, object]], scope: object = None) -> None:
    """Write into a spool what no spool of ours would."""
    with sqlite3.connect(path) as spool:
        for number, (id_, event) in enumerate(rows):
            unique = f"odd {number}" if id_ == "odd" else id_
            statement = "INSERT OR REPLACE INTO spool (id, scope, event, since) VALUES (?, ?, ?, 'x')"
            spool.execute(statement, (unique, scope, event))
    spool.close()


def unreadable() -> float:
    return REGISTRY.get_sample_value("qontract_unreadable_values_total", {"store": "spool"}) or 0


@pytest.mark.parametrize("odd", UNREADABLE)
def test_a_row_that_cannot_be_read_is_named_once_and_counted_and_the_rest_goes_on(
    path: Path, spool: SqliteEventSpool, caplog: pytest.LogCaptureFixture, odd: str
) -> None:
    waits, other, intent, before = an_event(1), an_event(2), an_event(3), unreadable()
    spool.append([waits])
    put(path, [UNREADABLE[odd]])
    spool.append([other])
    spool.record(SCOPE, intent)
    for _ in range(2):
        assert list(spool.oldest(1)) == [waits]
        assert list(spool.oldest(2)) == list(spool.oldest(9)) == [waits, other]
        assert spool.pending() == {SCOPE: [intent]}
    assert unreadable() - before == 1
    [line] = [record for record in caplog.records if record.message == "row of the spool cannot be read; it stays"]
    assert vars(line)["file"] == str(path)
    spool.remove([waits, other])
    assert list(spool.oldest(9)) == []


@pytest.mark.parametrize("scope", [None, SCOPE, b"\xff"])
def test_every_odd_object_is_an_event_or_is_counted(path: Path, spool: SqliteEventSpool, scope: object) -> None:
    good, before = an_event(1), unreadable()
    spool.append([good])
    for name, value in OBJECTS.items():
        put(path, [(GOOD.id, value)], scope)
        counted = unreadable()
        waiting, intents = list(spool.oldest(9)), spool.pending()
        assert waiting[0] == good, name
        assert len(waiting) + sum(map(len, intents.values())) + unreadable() - counted == 2, name
    assert unreadable() - before > 50


def test_more_rows_that_cannot_be_read_than_are_asked_for_keep_no_event_back(
    path: Path, spool: SqliteEventSpool
) -> None:
    event = an_event()
    spool.append([an_event()])
    spool.remove(spool.oldest(1))
    put(path, [("odd", b"")] * 500)
    spool.append([event])
    assert list(spool.oldest(1)) == list(spool.oldest(100)) == [event]


def test_a_row_that_cannot_be_read_is_mended_by_its_event(path: Path, spool: SqliteEventSpool) -> None:
    spool.append([GOOD])
    put(path, [(GOOD.id, b"")])
    assert list(spool.oldest(1)) == []
    spool.append([GOOD])
    assert list(spool.oldest(1)) == [GOOD]
