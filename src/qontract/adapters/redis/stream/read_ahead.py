"""Read ahead: all ordered subscriptions of an event loop that are behind fetch each segment of the stream once.

What is fetched is claimed by nobody: a subscription has read it when the reading script says so, which is told what
the process has already. An entry of a stream never changes, so a segment is right for as long as the stream exists
and its server has the same history: after a failover, others may be where those were that are lost.
"""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, chain
from typing import NamedTuple

from redis.asyncio import Redis

from qontract.adapters.redis.lua_scripts import run_script
from qontract.adapters.redis.records.entries import content_from, id_order, type_from
from qontract.adapters.redis.stream.type_patterns import lua_patterns
from qontract.domain.events import type_pattern

_KEPT = 16
"""How many segments are kept for the slower subscriptions, each of a MiB at most."""


class SegmentEntry(NamedTuple):
    """An entry of a segment: its number there, from 1, its id, content and type."""

    number: int
    id: str
    content: bytes
    type: str | None


class Segment(NamedTuple):
    """What follows an id: `size` entries up to `end`. Those are `kept` that match one of the `patterns`; none: all.

    `ever`: how many the stream ever had up to `end`, or -1 where that is not known. `history`: of the server.
    """

    end: bytes
    size: int
    ever: int
    history: bytes
    kept: Sequence[SegmentEntry]
    by_type: Mapping[str | None, Sequence[SegmentEntry]]
    patterns: frozenset[str]

    def wanted(self, wants: Callable[[str], object]) -> Sequence[SegmentEntry]:
        """Return what one subscription wants; what has no type, everybody does."""
        chosen = [some for kind, some in self.by_type.items() if kind is None or wants(kind)]
        if len(chosen) == len(self.by_type):
            return self.kept
        return chosen[0] if len(chosen) == 1 else sorted(chain.from_iterable(chosen))


class Batch(NamedTuple):
    """What a subscription reads at once of a segment: what follows `start`, up to `end`, and which of it it wants."""

    start: bytes
    end: bytes
    size: int
    ever: int
    history: bytes
    wanted: Sequence[SegmentEntry]


class ReadAheadCache:
    """The segments that were fetched last. `behind`: the patterns of each subscription that is behind; [] wants all."""

    def __init__(self, redis: Redis, stream: str) -> None:
        self._redis = redis
        self._stream = stream
        self._fetches: dict[bytes, asyncio.Task[Segment]] = {}
        self._segments: dict[bytes, Segment] = {}
        self.behind: dict[object, Sequence[str]] = {}

    def clear(self) -> None:
        """Fetch everything anew: the stream may be another one."""
        self._fetches, self._segments = {}, {}

    async def after(self, position: bytes, patterns: Sequence[str]) -> Segment:
        """Return what follows the id, with what matches the patterns. Raises redis.RedisError or OSError."""
        segment = self._segments.get(position)
        while segment is None or not _has(segment, patterns):  # a fetch that began before may lack what this one wants
            fetch = self._fetches.get(position)
            if fetch is None:
                fetch = self._fetches[position] = asyncio.create_task(self._fetch(position, patterns))
            segment = await asyncio.shield(fetch)
        return segment

    async def _fetch(self, position: bytes, asked: Sequence[str]) -> Segment:
        fetches = self._fetches
        try:
            segment = await self._peek(position, asked)
        finally:
            fetches.pop(position, None)
        if segment.size and fetches is self._fetches:  # at the end of the stream there may be more the next time
            self._segments.pop(position, None)
            self._segments[position] = segment
            if len(self._segments) > _KEPT:
                del self._segments[next(iter(self._segments))]
        return segment

    async def _peek(self, position: bytes, asked: Sequence[str]) -> Segment:
        wanted = (asked, *self.behind.values())
        patterns = frozenset(chain.from_iterable(wanted)) if all(wanted) else frozenset[str]()
        bounds = (position, self._next_boundary(position))
        end, size, ever, flat, history = await run_script(self._redis, "peek", [self._stream], *bounds, *patterns)
        parts = iter(flat)
        kept = [
            SegmentEntry(number, entry_id.decode(), content_from(found), type_from(kind))
            for number, entry_id, found, kind in zip(parts, parts, parts, parts, strict=True)
        ]
        by_type: defaultdict[str | None, list[SegmentEntry]] = defaultdict(list)
        for one in kept:
            by_type[one.type].append(one)
        return Segment(end, size, ever, history, kept, by_type, patterns)

    def _next_boundary(self, position: bytes) -> bytes:
        """Return where the next known segment begins or ends: from there two subscriptions go on together."""
        boundaries = chain(self._segments, (segment.end for segment in self._segments.values()))
        return min((each for each in boundaries if id_order(each) > id_order(position)), key=id_order, default=b"+")


def _has(segment: Segment, patterns: Sequence[str]) -> bool:
    return not segment.size or not segment.patterns or (bool(patterns) and segment.patterns.issuperset(patterns))


class ReadAheadCursor:
    """The place of one subscription in the segments, from where it is behind until there is nothing more."""

    def __init__(self, cache: ReadAheadCache, types: Sequence[str]) -> None:
        self._cache = cache
        self._patterns = lua_patterns(types)
        self._wants = type_pattern(*types).fullmatch
        self._position: bytes | None = None
        self._segment: Segment | None = None
        self._wanted: Sequence[SegmentEntry] = ()
        self._taken = self._number = 0  # of what is wanted in the segment, and of all that is in it

    def clear(self) -> None:
        """Fetch everything anew, for all subscriptions: the stream may have other entries."""
        self.stop()
        self._cache.clear()

    def stop(self) -> None:
        """Use no segment until `start_after`."""
        self._position = self._segment = None
        self._cache.behind.pop(self, None)

    def start_after(self, position: bytes) -> None:
        """Go on after the id."""
        if position != self._position:
            self._position, self._segment = position, None
            self._cache.behind[self] = self._patterns

    async def next_batch(self, count: int, max_bytes: int) -> Batch | None:
        """Return what is to be read next; None if that is in no segment. Raises redis.RedisError or OSError.

        For one that is behind alone, segments would be a detour.
        """
        start = self._position
        if start is None or (self._segment is None and len(self._cache.behind) == 1):
            return None
        segment = self._segment or await self._cache.after(start, self._patterns)
        if not segment.size or self._position != start:  # it left meanwhile
            self.stop()
            return None
        if self._segment is None:
            self._segment, self._wanted, self._taken, self._number = segment, segment.wanted(self._wants), 0, 0
        wanted = self._wanted[self._taken : self._taken + count]
        sizes = list(accumulate([len(one.content) for one in wanted]))
        wanted = wanted[: max(1, bisect_right(sizes, max_bytes))]
        is_rest = self._taken + len(wanted) == len(self._wanted)
        end, number = (segment.end, segment.size) if is_rest else (wanted[-1].id.encode(), wanted[-1].number)
        ever = segment.ever - segment.size + number if segment.ever >= 0 else -1
        return Batch(start, end, number - self._number, ever, segment.history, wanted)

    def advance(self, batch: Batch) -> None:
        """Go on after the batch: it was read."""
        if self._segment and self._position == batch.start:
            self._position = batch.end
            self._taken += len(batch.wanted)
            self._number += batch.size
            if self._number == self._segment.size:
                self._segment = None
