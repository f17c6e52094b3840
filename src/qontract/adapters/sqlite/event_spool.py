"""SQLite: events that wait, and intents, in a file that is synced to disk at each change."""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import local
from time import time
from typing import Any

from prometheus_client import Counter, Gauge

from qontract.adapters import private_files
from qontract.adapters.unreadable_values import Unreadable, excerpt
from qontract.application.ports.event_spool import EventSpool, EventSpoolError
from qontract.application.ports.intents import by_scope, intents_of
from qontract.domain.events import DomainEvent, read_event
from qontract.domain.processes import Spooled

SPOOLED = Counter("qontract_events_spooled_total", "Events that were spooled")
RESENT = Counter("qontract_events_republished_total", "Events that were republished from the spool")
FAILED = Counter("qontract_spool_errors_total", "Errors of the spool: it could not be read or written, or was full")
DEPTH = Gauge("qontract_spool_events", "Events in the spool, as last looked at", multiprocess_mode="mostrecent")
AGE = Gauge("qontract_spool_oldest_seconds", "Age of the oldest event in the spool", multiprocess_mode="mostrecent")

_FORMAT = 1
_JOURNALS = ("-journal", "-wal", "-shm")

# A row is an event that waits, or, as long as it has a scope, an intent.
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS spool (
  position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, scope TEXT, event TEXT NOT NULL, since REAL
);
PRAGMA user_version = {_FORMAT};
COMMIT;
"""

# As bytes: a text that is no UTF-8 would stop the reading of all.
_WAITING = """
SELECT CAST(id AS BLOB), CAST(event AS BLOB), position FROM spool
WHERE scope IS NULL AND position > ? ORDER BY position LIMIT ?
"""
_INTENTS = "SELECT CAST(scope AS BLOB), CAST(id AS BLOB), CAST(event AS BLOB) FROM spool WHERE scope IS NOT NULL"
_HOW_MUCH = "SELECT count(*), coalesce(? - min(since), 0) FROM spool WHERE scope IS NULL"


class _Connection(sqlite3.Connection):
    """Closes itself when nobody has it any more; but not after a fork (SQLite, "How To Corrupt", 2.6)."""

    pid = 0
    file = (0, 0)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.pid = os.getpid()

    def __del__(self) -> None:
        if self.pid == os.getpid():
            self.close()


class SqliteEventSpool(EventSpool):
    """Keeps up to `max_bytes` in the file `path`, which is made when it is first needed; not on a network's disk.

    Only its owner may read the file. One of another user, or in another user's directory, is refused, as is a link.
    A row that cannot be read stays, for another version may read it; the others are as if it was not there.

    Each change is one at a time among all threads and processes, and waits for its turn `busy_seconds` at most.
    """

    def __init__(self, path: Path, *, max_bytes: int, busy_seconds: float = 1) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._busy_seconds = busy_seconds
        self._unreadable = Unreadable("spool", "row of the spool cannot be read; it stays")
        self._thread = local()
        self._inherited: list[sqlite3.Connection] = []

    def append(self, events: Sequence[DomainEvent]) -> None:
        """Keep the events."""
        self._insert(events, None, "UPDATE SET scope = NULL, event = excluded.event, since = excluded.since")
        SPOOLED.inc(len(events))

    def record(self, scope: str, event: DomainEvent) -> None:
        """Record an intent."""
        self._insert([event], scope, "NOTHING")

    def oldest(self, count: int) -> Sequence[DomainEvent]:
        """Return as many of the events that wait, or fewer if there are no more."""
        events: list[DomainEvent] = []
        position = 0
        with self._translated():
            while rows := self._select(_WAITING, position, count - len(events)):  # again if some cannot be read
                events += filter(None, (self._read(id_, event) for id_, event, _ in rows))
                position = rows[-1][2]
        return events

    def pending(self) -> Mapping[str, Sequence[DomainEvent]]:
        """Return the intents, by scope."""
        with self._translated():
            rows = ((scope, self._read(id_, event)) for scope, id_, event in self._select(_INTENTS))
            intents = by_scope((scope.decode(errors="replace"), event) for scope, event in rows if event)
        waiting = self.waiting()
        DEPTH.set(waiting.events)
        AGE.set(waiting.oldest_seconds)
        return intents

    def waiting(self) -> Spooled:
        """Say how much waits. The bytes are those of the file, which does not become smaller when events are sent."""
        with self._translated():
            (count, age), *_ = [*self._select(_HOW_MUCH, time()), (0, 0)]
            return Spooled(count, max(0.0, age), self._path.stat().st_size if self._path.exists() else 0)

    def remove(self, events: Sequence[DomainEvent]) -> None:
        """Forget events, and intents, that have been published."""
        RESENT.inc(self._delete([event.id for event in events], "scope IS NULL"))
        self._delete([name for event in events for name in intents_of(event)], "scope IS NOT NULL")

    def resolve(self, events: Sequence[DomainEvent], *, applied: bool) -> None:  # noqa: ARG002 - Redis counts them
        """Forget intents that were looked into."""
        self._delete([event.id for event in events], "scope IS NOT NULL")

    def _insert(self, events: Sequence[DomainEvent], scope: str | None, on_conflict: str) -> None:
        statement = "INSERT INTO spool (id, scope, event, since) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO "
        with self._translated():
            rows = [(event.id, scope, _text(event), time()) for event in events]
            with self._connection() as spool:
                spool.executemany(statement + on_conflict, rows)

    def _delete(self, ids: Sequence[str], condition: str) -> int:
        statement = f"DELETE FROM spool WHERE id = ? AND {condition}"  # noqa: S608 - both are ours
        with self._translated():
            if not self._select("SELECT 1 FROM spool LIMIT 1"):
                return 0
            with self._connection() as spool:
                return spool.executemany(statement, [(id_,) for id_ in ids]).rowcount

    def _select(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows; none if there is no spool, which is not made for it."""
        return self._connection().execute(statement, values).fetchall() if self._path.exists() else []

    def _read(self, id_: bytes, text: bytes) -> DomainEvent | None:
        """Return the event of a row; None if it cannot be read, which is reported."""
        error: Exception = ValueError("its id is that of another event")  # it could not be removed
        try:
            event = read_event(text)
            if event.id.encode() == id_:
                return event
        except (ValueError, TypeError, AttributeError, RecursionError) as unreadable:
            error = unreadable
        self._unreadable.report(text, error, file=str(self._path), row=excerpt(id_))
        return None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError, RecursionError) as error:  # the last: of JSON that is too deep
            FAILED.inc()
            raise EventSpoolError(
                f"the spool {self._path}: {error}. It is not touched: make room, make it writable, or stop the workers"
                " and move it away"
            ) from error

    def _connection(self) -> sqlite3.Connection:
        known: _Connection | None = getattr(self._thread, "connection", None)
        if known and known.pid != os.getpid():
            self._inherited.append(known)
        elif known:
            with suppress(FileNotFoundError):
                if _identity(self._path) == known.file:
                    return known
            known.close()
        private_files.prepare(self._path)
        for journal in _JOURNALS:  # SQLite would take what another user put there for the rest of a write of ours
            private_files.refuse_foreign(self._path.with_name(self._path.name + journal))
        connection = sqlite3.connect(
            self._path,
            timeout=self._busy_seconds,
            isolation_level="IMMEDIATE",
            check_same_thread=False,  # each thread has its own, and any may be the last to have it
            factory=_Connection,
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        connection.file = _identity(self._path)
        self._thread.connection = connection
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Check that it is a spool, or make it one. SQLite's journal stays as it is by default: a file to itself."""
        connection.execute("BEGIN")  # both at one time: another process may be making it
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.execute("COMMIT")
        if found not in (0, _FORMAT) or (found == 0 and tables):
            raise ValueError(f"it is of another program, or version of qontract (format {found}, and not {_FORMAT})")
        connection.execute("PRAGMA synchronous = EXTRA")
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute(f"PRAGMA max_page_count = {max(1, self._max_bytes // page_bytes)}")
        if found != _FORMAT:
            connection.executescript(_SCHEMA)


def _text(event: DomainEvent) -> str:
    """Return the event as JSON that can be read back. Raises ValueError if it could not be: if it is too deep."""
    text = event.model_dump_json()
    read_event(text)
    return text


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
