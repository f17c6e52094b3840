"""Redis: a subscription is a consumer group on the stream, and one on the stream of what was redriven for it alone.

redis-py and not FastStream, whose stream subscriber makes its groups at the end of the stream, never gets back what
another replica had read, and stops for good when the stream disappears.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, TypeVar

from redis.asyncio import Redis

from qontract.adapters.redis.errors import translate_event_log_errors
from qontract.adapters.redis.keys import Keys
from qontract.adapters.redis.lua_scripts import run_script
from qontract.adapters.redis.records.attempt_records import failures_to_json, record_to_json
from qontract.adapters.redis.records.delivery_outcomes import encode_outcomes
from qontract.adapters.redis.records.entries import KEY_PREFIXES, content_of_fields, ids_by_stream, place_of
from qontract.adapters.redis.stream.measures import measures_of
from qontract.adapters.redis.stream.read_ahead import ReadAheadCache, ReadAheadCursor
from qontract.adapters.redis.stream.reader import ReplicaReader
from qontract.adapters.redis.stream.shared_waits import SharedWaits
from qontract.adapters.redis.stream.type_patterns import lua_patterns
from qontract.application.ports.event_handler import Policy
from qontract.application.ports.event_log import Entry, EventLog, Measures, PlaceLostError

T = TypeVar("T")

_POLL_SECONDS = 1.0
"""How long nobody looks for what was redriven."""
_BATCH = 500
"""How many entries a script gets at once, so that it does not keep others waiting."""


class RedisEventLog(EventLog):
    """One subscription for one replica, on one event loop.

    `types` are those of the handler; what has another is passed over by the script that reads, and not sent. Shared:
    what was idle for 0.8 of `claim_seconds` is claimed, so that all is within `claim_seconds` and a quarter. `waits`
    and `segments` are those of all subscriptions of the loop. A `read` returns after half of its `wait` at least.

    `redis` is a client that answers in bytes; its socket time-out is longer than a second.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        *,
        subscription: str,
        replica: str,
        types: Sequence[str],
        shared: bool,
        claim_seconds: float,
        shared_waits: SharedWaits,
        read_ahead: ReadAheadCache,
        max_attempts: int = Policy.max_attempts,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._name = subscription
        self._replica = replica
        self._shared = shared
        self._claim_seconds = claim_seconds
        self._shared_waits = shared_waits
        self._read_ahead = read_ahead
        self._streams = (keys.redriven(subscription), keys.stream)
        self._wanted = json.dumps({"types": [*types], "max_attempts": max_attempts, "shared": shared})
        self._lease = keys.lease(subscription)
        self._records = keys.records(subscription)
        self._outcomes = keys.outcomes(subscription)
        self._reader = ReplicaReader(
            redis,
            keys,
            subscription=subscription,
            replica=replica,
            patterns=lua_patterns(types),
            claim_seconds=claim_seconds if shared else None,
            ahead=None if shared else ReadAheadCursor(read_ahead, types),
        )

    async def open(self) -> bool:
        """Make the groups, and forget replicas that have been away for long."""
        with translate_event_log_errors():
            keys = [*self._streams, self._records, self._keys.interests, self._keys.places]
            made, history = await run_script(self._redis, "open_subscription", keys, self._name, self._wanted)
            self._reader.restart(history)
            if made:
                self._read_ahead.clear()
            await self._forget("")
        return bool(made)

    async def lead(self, seconds: float) -> bool:
        """Take or renew the lease."""
        with translate_event_log_errors():
            return bool(
                await run_script(self._redis, "acquire_lease", [self._lease], self._replica, int(seconds * 1000))
            )

    async def abdicate(self) -> None:
        """Delete the lease, if it is this replica's."""
        with translate_event_log_errors():
            await run_script(self._redis, "release_lease", [self._lease], self._replica)

    async def paused(self) -> bool:
        """Look for the flag."""
        with translate_event_log_errors():
            return bool(await self._redis.hexists(self._keys.paused, self._name))

    async def claim_all(self) -> None:
        """Own all that is pending; its contents come with `read`."""
        with translate_event_log_errors():
            await self._reader.claim_all()

    async def read(self, count: int, max_bytes: int, wait: float) -> Sequence[Entry]:
        """Read, and wait if there is nothing; what was redriven is looked for each second."""
        until, step = monotonic() + wait, min(wait, _POLL_SECONDS)
        with translate_event_log_errors():
            while True:
                entries, read_to = await self._reader.read(count, max_bytes)
                left = until - monotonic()
                if entries or left <= 0:
                    return entries
                if read_to is None or await self._shared_waits.beyond(read_to, min(left, step)):
                    continue
                if until - monotonic() < step:
                    return []

    async def content_of(self, entry: Entry) -> bytes | None:
        """Read the entry in its stream."""
        stream, entry_id = place_of(entry)
        with translate_event_log_errors():
            found: Any = await self._redis.xrange(self._streams[stream], entry_id, entry_id)
        return content_of_fields(found[0][1]) if found else None

    async def acknowledge(self, entries: Collection[Entry]) -> None:
        """Acknowledge, delete what was redriven, drop the records, and keep how they ended, in one step."""
        if entries:
            records = [str(entry.key) for entry in entries if entry.recorded]
            names = [json.dumps(some) for some in (*ids_by_stream(entries), records)]
            keys = [*self._streams, self._records, self._outcomes]
            with translate_event_log_errors():
                await run_script(self._redis, "acknowledge", keys, self._name, *names, encode_outcomes(entries))

    async def record(self, entries: Collection[Entry]) -> None:
        """Keep the attempts in the hash of records, of entries that are still this replica's."""
        with translate_event_log_errors():
            for stream, prefix in enumerate(KEY_PREFIXES):
                here = [(place_of(entry)[1], entry) for entry in entries if place_of(entry)[0] == stream]
                for some in _batches(here):
                    pairs = [part for entry_id, entry in some for part in (entry_id, record_to_json(entry))]
                    keys = [self._streams[stream], self._records]
                    await run_script(self._redis, "record_attempts", keys, self._name, self._replica, prefix, *pairs)
                    for _, entry in some:
                        entry.recorded = True

    async def dead_letter(self, entry: Entry) -> None:
        """Add the letter and end the entry, in one step."""
        content = await self.content_of(entry) if entry.content is None else entry.content
        stream, entry_id = place_of(entry)
        keys = [self._streams[stream], self._keys.dead, self._records, self._keys.dead_counts]
        letter = (str(entry.key), content or b"", failures_to_json(entry.failures))
        with translate_event_log_errors():
            await run_script(self._redis, "dead_letter", keys, self._name, entry_id, *letter, int(stream == 0))

    async def heartbeat(self, entries: Collection[Entry]) -> None:
        """Show life, if replicas compete; a leader shows it by its lease."""
        if self._shared:
            await self._set_idle(entries, 0)

    async def release(self, entries: Collection[Entry]) -> None:
        """Let others claim the entries, if replicas compete; what a leader had is the next leader's anyway."""
        if self._shared:
            await self._set_idle(entries, self._claim_seconds)

    async def _set_idle(self, entries: Collection[Entry], seconds: float) -> None:
        with translate_event_log_errors():
            for stream, ids in zip(self._streams, ids_by_stream(entries), strict=True):
                for some in _batches(ids):
                    await run_script(
                        self._redis, "set_claim_idle", [stream], self._name, self._replica, int(seconds * 1000), *some
                    )

    async def remember(self, ids: Collection[str], seconds: float) -> None:
        """Keep a mark for each id."""
        with translate_event_log_errors():
            for some in _batches([self._keys.handled(self._name, event_id) for event_id in ids]):
                await run_script(self._redis, "remember_handled", some, max(1, int(seconds * 1000)))

    async def known(self, event_id: str) -> bool:
        """Look for the mark."""
        with translate_event_log_errors():
            return bool(await self._redis.exists(self._keys.handled(self._name, event_id)))

    async def measures(self) -> Measures:
        """Measure both streams; a replica counts that was active within twice `claim_seconds`."""
        return await measures_of(self._redis, self._keys, self._name, 2 * self._claim_seconds)

    async def close(self) -> None:
        """Leave the groups, if nothing is pending; and forget replicas that have been away for long."""
        with suppress(PlaceLostError), translate_event_log_errors():
            await self._forget(self._replica)

    async def _forget(self, leaving: str) -> None:
        idle = int(10_000 * self._claim_seconds)
        await run_script(self._redis, "forget_replicas", self._streams, self._name, idle, leaving)


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))
