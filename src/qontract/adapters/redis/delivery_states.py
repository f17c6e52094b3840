"""Redis: where an event is for one subscription: in its group, on record, or among what has ended."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import redis

from qontract.adapters.redis.connections import client
from qontract.adapters.redis.errors import translate_stream_errors
from qontract.adapters.redis.kept_events import milliseconds
from qontract.adapters.redis.keys import Keys, intent_name, keys_of
from qontract.adapters.redis.lua_scripts import run_script_sync
from qontract.adapters.redis.records.attempt_records import restore_attempts
from qontract.adapters.redis.records.delivery_outcomes import decode_outcomes
from qontract.adapters.redis.records.entries import REDRIVEN, is_entry_id
from qontract.adapters.redis.records.redrive_marks import mark_from, mark_prefix
from qontract.adapters.redis.records.subscription_records import filter_from, position_of, start_from
from qontract.adapters.unreadable_values import excerpt
from qontract.application.ports.delivery_states import DeliveryStates, DeliveryStatesError
from qontract.application.ports.event_log import Entry
from qontract.domain.delivery_outcomes import DeliveryOutcome, EndedDelivery
from qontract.domain.delivery_states import DeliveryState, PendingEntry

_MAX_AHEAD = 500
_MAX_RECORDS = 1000
_MAX_REDRIVEN = 2000
_PAGE, _MAX_OUTCOMES = 500, 50_000
"""How many acknowledgements are looked at: each is of all that ended together."""
_EARLIER_MS = 10_000
"""How much earlier than its event an acknowledgement may seem: another server's clock, after a failover."""
_MAX_ID_LENGTH = 1000


class RedisDeliveryStates(DeliveryStates):
    """The groups of `stream`, with the keys of `channel`; `source` is that of events that name none.

    `timeout` bounds connecting and each answer, in seconds.
    """

    def __init__(self, url: str, *, channel: str, stream: str, source: str, timeout: float = 5.0) -> None:
        self._keys = keys_of(channel, stream)
        self._source = source
        self._redis = client(url, timeout=timeout)

    def state(self, subscription: str, entry: str) -> DeliveryState:
        """Ask for all of it: first where the group is, then what is pending, and then what has ended."""
        if not is_entry_id(entry) or not subscription.isascii():
            return DeliveryState(is_kept=False)
        with translate_stream_errors(DeliveryStatesError, self._keys.stream):
            return _StateReader(self._redis, self._keys, subscription, entry).state()

    def entry_of(self, event_id: str, source: str | None = None) -> str | None:
        """Look at the mark that it was published."""
        if len(event_id) > _MAX_ID_LENGTH or not event_id.isprintable():
            return None
        mark = self._keys.published(self._keys.stream) + intent_name(source or self._source, event_id)
        with translate_stream_errors(DeliveryStatesError, self._keys.stream):
            found: Any = self._redis.get(mark) if self._redis.type(mark) == b"string" else None
        text = found.decode(errors="replace") if found else ""
        return text if is_entry_id(text) else None


class _StateReader:
    """One look at an event for one subscription. Raises redis.RedisError and OSError."""

    def __init__(self, client: redis.Redis, keys: Keys, name: str, entry: str) -> None:
        self._redis = client
        self._keys = keys
        self._name = name
        self._entry = entry
        self._missing: list[str] = []

    def state(self) -> DeliveryState:
        keys, name, entry = self._keys, self._name, self._entry
        wanted = filter_from(self._try("interest", self._redis.hget, keys.interests, name), self._missing)
        later = start_from(self._try("place", self._redis.hget, keys.places, name), entry, self._missing)
        group = self._group(keys.stream)
        last = group["last-delivered-id"].decode() if group else "0-0"
        redriven = self._redriven()
        stream, place = (keys.redriven(name), redriven) if redriven else (keys.stream, entry)
        pending = self._pending(stream, place, place, 1)
        is_read = position_of(entry) <= position_of(last)
        ordered = pending and not redriven and not (wanted and wanted.shared)
        ahead, more = self._ahead() if ordered else ((), False)
        return DeliveryState(
            wanted=wanted,
            is_kept=bool(self._try("stream", self._redis.xrange, keys.stream, entry, entry)),
            is_read=group is not None and is_read,
            unread_before=0 if is_read or redriven else self._unread(last),
            later=later,
            pending=pending[0] if pending else None,
            ahead=ahead,
            ahead_more=more,
            is_redriven=redriven is not None,
            ended=self._ended(),
            missing=tuple(self._missing),
        )

    def _try(self, what: str, ask: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the answer; None, and that it is missing, where Redis refuses: a key may be another's."""
        try:
            return ask(*args, **kwargs)
        except redis.ResponseError as error:
            if not str(error).startswith(("NOGROUP", "no such key")):
                self._missing.append(f"{what}: {excerpt(error)}")
            return None

    def _group(self, stream: str) -> Mapping[str, Any] | None:
        groups = self._try("group", self._redis.xinfo_groups, stream) or ()
        return next((group for group in groups if group["name"] == self._name.encode()), None)

    def _redriven(self) -> str | None:
        """Return where the event is among what was redriven, if it is there."""
        stream = self._keys.redriven(self._name)
        found = self._try("redriven", self._redis.xrevrange, stream, count=_MAX_REDRIVEN) or ()
        if len(found) == _MAX_REDRIVEN:
            self._missing.append(f"redriven: only the newest {_MAX_REDRIVEN} were looked at")
        return next((id_.decode() for id_, of in found if of.get(b"entry") == self._entry.encode()), None)

    def _pending(self, stream: str, first: str, last: str, count: int) -> list[PendingEntry]:
        found = self._try("pending", self._redis.xpending_range, stream, self._name, first, last, count) or []
        prefix = REDRIVEN if stream != self._keys.stream else ""
        ids = [one["message_id"].decode() for one in found]
        names = [f"{prefix}{id_}" for id_ in ids]
        records = self._try("records", self._redis.hmget, self._keys.records(self._name), names) if names else ()
        return [
            self._pending_entry(name, one, record)
            for name, one, record in zip(names, found, records or [None] * len(names), strict=True)
        ]

    def _pending_entry(self, name: str, one: Mapping[str, Any], record: bytes | None) -> PendingEntry:
        known = Entry(name, None)
        if record is not None:
            try:
                restore_attempts(known, record)
            except ValueError as error:
                self._missing.append(f"record of attempts: {excerpt(error)}")
        replica = one["consumer"].decode(errors="replace")
        due, begun = _moment(known.due), _moment(known.begun)
        return PendingEntry(name, replica, one["time_since_delivered"] / 1000, known.failures, due, begun)

    def _ahead(self) -> tuple[tuple[PendingEntry, ...], bool]:
        """Return what is pending before the event: the first of it, and all of which an attempt is on record."""
        before = f"({self._entry}"
        first = self._pending(self._keys.stream, "-", before, _MAX_AHEAD)
        if len(first) < _MAX_AHEAD:
            return tuple(first), False
        names = self._try("records", self._redis.hscan, self._keys.records(self._name), 0, None, _MAX_RECORDS)
        recorded = sorted((name.decode() for name in (names or (0, {}))[1]), key=position_of)
        between = [
            name
            for name in recorded
            if is_entry_id(name) and position_of(first[-1].entry) < position_of(name) < position_of(self._entry)
        ]
        rest = [pending for name in between for pending in self._pending(self._keys.stream, name, name, 1)]
        return (*first, *rest), True

    def _unread(self, last: str) -> int:
        counted = self._try(
            "lag", run_script_sync, self._redis.execute_command, "count_entries", [self._keys.stream], last, self._entry
        )
        return max(0, int(counted[0]) - (len(counted) == 1)) if counted else 0

    def _ended(self) -> EndedDelivery | None:
        """Return how it ended: the last time that it was handled, or if it was not, the last time of all."""
        found: list[EndedDelivery] = []
        for since in self._starts():
            found = sorted((ended for _, ended in self._outcomes(since)), key=lambda ended: ended.time)
            if found:
                break
        handled = [ended for ended in found if ended.outcome is DeliveryOutcome.HANDLED]
        return handled[-1] if handled else found[-1] if found else None

    def _outcomes(self, after: str) -> Iterator[tuple[str, EndedDelivery]]:
        key, looked = self._keys.outcomes(self._name), 0
        while page := self._try("outcomes", self._redis.xrange, key, after, "+", _PAGE):
            for id_, fields in page:
                after = f"({id_.decode()}"
                mine = {self._entry} | {
                    name.decode(errors="replace") for name, of in fields.items() if of == self._entry.encode()
                }
                try:
                    lines = list(decode_outcomes(fields.get(b"ended", b"")))
                except ValueError as error:
                    self._missing.append(f"outcomes, {id_.decode()}: {excerpt(error)}")
                    continue
                yield from (pair for pair in lines if pair[0] in mine)
            looked += len(page)
            if looked >= _MAX_OUTCOMES:
                self._missing.append(f"outcomes: only {looked} acknowledgements were looked at, up to {after[1:]}")
                return

    def _starts(self) -> Iterator[str]:
        """Yield from where to look: when it was last redriven, and when it was kept."""
        member = mark_prefix(self._entry, self._name).encode()
        bounds = (b"[" + member, b"(" + member + b"\xff")
        found = self._try("redrives", self._redis.zrange, self._keys.redrives, *bounds, bylex=True, offset=0, num=1)
        if found and (mark := mark_from(found[0].removeprefix(member))):
            yield str(max(0, milliseconds(mark.time) - _EARLIER_MS))
        yield str(max(0, int(self._entry.partition("-")[0]) - _EARLIER_MS))


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
