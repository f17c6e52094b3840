"""SQLite: one file for all processes of a machine."""

from qontract.adapters.sqlite.event_spool import SqliteEventSpool

__all__ = ["SqliteEventSpool"]
