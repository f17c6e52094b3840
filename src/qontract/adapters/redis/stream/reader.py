"""What one replica reads of its subscription: up to where, what it has still to receive, what it claims."""

import json
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any

from redis.asyncio import Redis

from qontract.adapters.redis.keys import Keys
from qontract.adapters.redis.lua_scripts import run_script
from qontract.adapters.redis.records.attempt_records import restore_attempts
from qontract.adapters.redis.records.entries import (
    KEY_PREFIXES,
    id_order,
    later_id,
    new_entries,
    redelivered_entries,
    vanished_entries,
    vanished_unread_entry,
)
from qontract.adapters.redis.stream.read_ahead import Batch, ReadAheadCursor
from qontract.adapters.unreadable_values import Unreadable
from qontract.application.ports.event_log import Entry, LeaseLostError, LogWentBackError, PlaceLostError

_START = b"0-0"


class ReplicaReader:
    """Reads the redriven stream and the stream, in this order; pairs and lists are of both.

    `claim_seconds`: shared, what was idle for 0.8 of it is claimed; None: ordered, and read by who leads. `ahead`: what
    the process has fetched of the stream already, where the leader is behind.
    Raises redis.RedisError, OSError and LeaseLostError.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        *,
        subscription: str,
        replica: str,
        patterns: Sequence[str],
        claim_seconds: float | None,
        ahead: ReadAheadCursor | None,
    ) -> None:
        self._redis = redis
        self._who = (subscription, replica)
        self._patterns = patterns
        self._claim_seconds = claim_seconds
        self._ahead = ahead
        self._streams = (keys.redriven(subscription), keys.stream)
        self._lease = keys.lease(subscription)
        self._records = keys.records(subscription)
        self._cursors = [_START, _START]
        self._to_claim: list[int] = []
        self._claim_at = 0.0
        self._unreadable = Unreadable("records", "record of attempts cannot be read; it counts as none")
        self._expired: list[Entry] = []
        self._history = b""
        self._read_to, self._count = _START, -1  # up to where the stream was read, and how many entries that were, ever
        self.restart()

    def restart(self, history: bytes = b"") -> None:
        """Read again what is this replica's, before anything new. `history`: of the server, if none is known yet."""
        self._history = self._history or history
        self._last = [_START, _START]
        self._has_all = False  # whether it has received all that is its own
        if self._ahead:
            self._ahead.stop()

    async def claim_all(self) -> None:
        """Claim all that is pending, without its contents: they come when it is read again."""
        self.restart()
        for stream, prefix in zip(self._streams, KEY_PREFIXES, strict=True):
            keys, cursor = [stream, self._lease, self._records], _START
            while True:
                cursor, *gone = await run_script(self._redis, "claim_all", keys, *self._who, cursor, prefix)
                if cursor == b"lease":
                    raise LeaseLostError("another replica leads")
                self._expired += vanished_entries(prefix, gone[0])
                if cursor == _START:
                    break
        if self._ahead:
            groups: Any = await self._redis.xinfo_groups(self._streams[1])
            for group in groups:
                if group["name"] == self._who[0].encode():
                    self._ahead.start_after(group["last-delivered-id"])

    async def read(self, count: int, max_bytes: int) -> tuple[list[Entry], bytes | None]:
        """Return what there is now; or up to where the stream was read, if there is nothing."""
        if self._expired:
            expired, self._expired = self._expired[:count], self._expired[count:]
            return expired, None
        if self._claim_seconds and self._has_all:  # else what is claimed could not be told from what got lost
            claimed = await self._claim(count, max_bytes, self._claim_seconds)
            if claimed:
                return claimed, None
        self._has_all = False
        batch = await self._cached_batch(count, max_bytes)
        keys = [*self._streams, self._lease, self._records]
        bounds = (int(not self._claim_seconds), count, max_bytes, *self._last, self._history)
        kind, *answer = await run_script(
            self._redis, "read", keys, *self._who, *bounds, *_described(batch), *self._patterns
        )
        if kind == b"lease":
            self.restart()
            raise LeaseLostError("another replica leads")
        if kind == b"history":
            self._check_history(*answer)
            return await self.read(count, max_bytes)
        self._has_all = kind in (b"new", b"nothing")
        if kind == b"again":
            return self._redelivered(answer), None
        return self._received(kind, answer, batch, count)

    def _received(
        self, kind: bytes, answer: list[Any], batch: Batch | None, count: int
    ) -> tuple[list[Entry], bytes | None]:
        """Return what is new, and remember up to where the stream was read."""
        gap, self._count, *rest = answer
        entries = [vanished_unread_entry(gap, self._last[1])] if gap else []
        if kind == b"part" and self._ahead and batch:
            self._ahead.advance(batch)
            self._last[1] = self._read_to = batch.end
            return entries + _entries_of(batch, rest[0]), None
        read_to, *flats = rest
        self._read_to = read_to
        entries += self._new(flats)
        if self._ahead:
            is_behind = kind == b"more" or len(entries) >= count or (batch and batch.start == read_to)
            self._ahead.start_after(read_to) if is_behind else self._ahead.stop()
        return entries, read_to if kind == b"nothing" and not entries else None

    async def _cached_batch(self, count: int, max_bytes: int) -> Batch | None:
        """Return what the process has of the stream already, unless that was of another history."""
        batch = await self._ahead.next_batch(count, max_bytes) if self._ahead else None
        if self._ahead and batch and self._history and batch.history != self._history:
            self._ahead.clear()
            return None
        return batch

    def _check_history(self, history: bytes, last: bytes, count: int) -> None:
        """Remember the history of the server. Raises PlaceLostError if it had another one before."""
        before, self._history = self._history, history
        if not before:
            return
        went_back = count >= 0 and (id_order(last) < id_order(self._read_to) or count < self._count)
        self._read_to, self._count = _START, -1
        if self._ahead:
            self._ahead.clear()
        if went_back:
            raise LogWentBackError(
                "the stream went back: Redis has another history, which lacks entries that were read"
            )
        raise PlaceLostError("Redis has another history; what is not acknowledged is read again")

    def _new(self, flats: list[list[Any]]) -> list[Entry]:
        entries: list[Entry] = []
        for stream, flat in enumerate(flats):
            if flat:
                self._last[stream] = flat[-3]
                entries += new_entries(KEY_PREFIXES[stream], flat)
        return entries

    def _redelivered(self, answer: list[list[Any]]) -> list[Entry]:
        entries = [
            gone for prefix, ids in zip(KEY_PREFIXES, answer[2:], strict=True) for gone in vanished_entries(prefix, ids)
        ]
        for stream, flat in enumerate(answer[:2]):
            if flat:
                self._last[stream] = flat[-4]
                entries += self._with_attempts(redelivered_entries(KEY_PREFIXES[stream], flat))
        return entries

    async def _claim(self, count: int, max_bytes: int, seconds: float) -> list[Entry]:
        """Claim what is idle, a quarter of the time after it last began to look; or go on where it stopped."""
        if not self._to_claim and monotonic() >= self._claim_at:
            self._to_claim, self._claim_at = [0, 1], monotonic() + seconds / 4
        entries: list[Entry] = []
        while self._to_claim and not entries:
            stream = self._to_claim[0]
            keys = [self._streams[stream], self._records]
            bounds = (int(800 * seconds), self._cursors[stream], count, max_bytes, KEY_PREFIXES[stream])
            self._has_all = False
            self._cursors[stream], flat, gone = await run_script(self._redis, "claim_idle", keys, *self._who, *bounds)
            self._has_all = True
            if self._cursors[stream] == _START:
                del self._to_claim[0]
            for entry_id in flat[::4]:
                self._last[stream] = later_id(self._last[stream], entry_id)
            entries = vanished_entries(KEY_PREFIXES[stream], gone) + self._with_attempts(
                redelivered_entries(KEY_PREFIXES[stream], flat)
            )
        return entries

    def _with_attempts(self, found: Iterable[tuple[Entry, bytes | None]]) -> list[Entry]:
        entries = []
        for entry, record in found:
            if record is not None:
                entry.recorded = True
                try:
                    restore_attempts(entry, record)
                except ValueError as error:
                    self._unreadable.report(record, error, subscription=self._who[0], entry=str(entry.key))
            entries.append(entry)
        return entries


def _described(batch: Batch | None) -> tuple[Any, ...]:
    """Return what the script is told of a batch."""
    if batch is None:
        return ("", "", 0, -1, "[]")
    return (batch.start, batch.end, batch.size, batch.ever, json.dumps([one.id for one in batch.wanted]))


def _entries_of(batch: Batch, gone: list[bytes]) -> list[Entry]:
    """Return the entries of a batch that was read; those that have vanished meanwhile are expired."""
    ids = {entry_id.decode() for entry_id in gone}
    entries = [Entry(one.id, one.content, one.type) for one in batch.wanted if not ids or one.id not in ids]
    return entries + vanished_entries(KEY_PREFIXES[1], gone)
