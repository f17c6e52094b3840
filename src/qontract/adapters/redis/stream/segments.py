"""Segments of the stream: each is looked at once for all ordered subscriptions of an event loop that are behind.

What is looked at is owned by nobody: a subscription has read it when the script that reads says so, which is told what
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

from qontract.adapters.redis.lua_scripts import run
from qontract.adapters.redis.records.entries import content_from, number_of, type_from
from qontract.adapters.redis.stream.globs import lua_patterns
from qontract.domain.events import type_pattern

_KEPT = 16
"""How many segments are kept for the slower subscriptions, each of a MiB at most."""


class Kept(NamedTuple):
    """One entry: the how many-th of its segment it is, its id, content and type."""

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
    kept: Sequence[Kept]
    by_type: Mapping[str | None, Sequence[Kept]]
    patterns: frozenset[str]

    def wanted(self, wants: Callable[[str], object]) -> Sequence[Kept]:
        """Return what one subscription wants; what has no type, everybody does."""
        chosen = [some for kind, some in self.by_type.items() if kind is None or wants(kind)]
        if len(chosen) == len(self.by_type):
            return self.kept
        return chosen[0] if len(chosen) == 1 else sorted(chain.from_iterable(chosen))


class Part(NamedTuple):
    """What a subscription reads at once of a segment: what follows `start`, up to `end`, and what it wants of that."""

    start: bytes
    end: bytes
    size: int
    ever: int
    history: bytes
    wanted: Sequence[Kept]


class Segments:
    """What was looked at last. `behind`: the patterns of each subscription that is behind; [] wants all."""

    def __init__(self, redis: Redis, stream: str) -> None:
        self._redis = redis
        self._stream = stream
        self._looks: dict[bytes, asyncio.Task[Segment]] = {}
        self._segments: dict[bytes, Segment] = {}
        self.behind: dict[object, Sequence[str]] = {}

    def forget(self) -> None:
        """Look at everything anew: the stream may be another one."""
        self._looks, self._segments = {}, {}

    async def after(self, position: bytes, patterns: Sequence[str]) -> Segment:
        """Return what follows the id, with what matches the patterns. Raises redis.RedisError or OSError."""
        segment = self._segments.get(position)
        while segment is None or not _has(segment, patterns):  # a look that began before may lack what this one wants
            look = self._looks.get(position)
            if look is None:
                look = self._looks[position] = asyncio.create_task(self._look(position, patterns))
            segment = await asyncio.shield(look)
        return segment

    async def _look(self, position: bytes, asked: Sequence[str]) -> Segment:
        looks = self._looks
        try:
            segment = await self._found(position, asked)
        finally:
            looks.pop(position, None)
        if segment.size and looks is self._looks:  # at the end of the stream there may be more the next time
            self._segments.pop(position, None)
            self._segments[position] = segment
            if len(self._segments) > _KEPT:
                del self._segments[next(iter(self._segments))]
        return segment

    async def _found(self, position: bytes, asked: Sequence[str]) -> Segment:
        wanted = (asked, *self.behind.values())
        patterns = frozenset(chain.from_iterable(wanted)) if all(wanted) else frozenset[str]()
        bounds = (position, self._border(position))
        end, size, ever, flat, history = await run(self._redis, "look", [self._stream], *bounds, *patterns)
        parts = iter(flat)
        kept = [
            Kept(number, entry_id.decode(), content_from(found), type_from(kind))
            for number, entry_id, found, kind in zip(parts, parts, parts, parts, strict=True)
        ]
        by_type: defaultdict[str | None, list[Kept]] = defaultdict(list)
        for one in kept:
            by_type[one.type].append(one)
        return Segment(end, size, ever, history, kept, by_type, patterns)

    def _border(self, position: bytes) -> bytes:
        """Return where the next known segment begins or ends: from there two subscriptions go on together."""
        borders = chain(self._segments, (segment.end for segment in self._segments.values()))
        return min((each for each in borders if number_of(each) > number_of(position)), key=number_of, default=b"+")


def _has(segment: Segment, patterns: Sequence[str]) -> bool:
    return not segment.size or not segment.patterns or (bool(patterns) and segment.patterns.issuperset(patterns))


class Ahead:
    """The way of one subscription through the segments, from where it is behind until there is nothing more."""

    def __init__(self, segments: Segments, types: Sequence[str]) -> None:
        self._segments = segments
        self._patterns = lua_patterns(types)
        self._wants = type_pattern(*types).fullmatch
        self._position: bytes | None = None
        self._segment: Segment | None = None
        self._wanted: Sequence[Kept] = ()
        self._taken = self._number = 0  # of what is wanted in the segment, and of all that is in it

    def forget(self) -> None:
        """Look at everything anew, for all subscriptions: the stream may have other entries."""
        self.leave()
        self._segments.forget()

    def leave(self) -> None:
        """Use no segment until `follow`."""
        self._position = self._segment = None
        self._segments.behind.pop(self, None)

    def follow(self, position: bytes) -> None:
        """Go on after the id."""
        if position != self._position:
            self._position, self._segment = position, None
            self._segments.behind[self] = self._patterns

    async def part(self, count: int, max_bytes: int) -> Part | None:
        """Return what is to be read next; None if that is in no segment. Raises redis.RedisError or OSError.

        For one that is behind alone, segments would be a detour.
        """
        start = self._position
        if start is None or (self._segment is None and len(self._segments.behind) == 1):
            return None
        segment = self._segment or await self._segments.after(start, self._patterns)
        if not segment.size or self._position != start:  # it left meanwhile
            self.leave()
            return None
        if self._segment is None:
            self._segment, self._wanted, self._taken, self._number = segment, segment.wanted(self._wants), 0, 0
        wanted = self._wanted[self._taken : self._taken + count]
        sizes = list(accumulate([len(one.content) for one in wanted]))
        wanted = wanted[: max(1, bisect_right(sizes, max_bytes))]
        is_rest = self._taken + len(wanted) == len(self._wanted)
        end, number = (segment.end, segment.size) if is_rest else (wanted[-1].id.encode(), wanted[-1].number)
        ever = segment.ever - segment.size + number if segment.ever >= 0 else -1
        return Part(start, end, number - self._number, ever, segment.history, wanted)

    def took(self, part: Part) -> None:
        """Go on behind the part: it was read."""
        if self._segment and self._position == part.start:
            self._position = part.end
            self._taken += len(part.wanted)
            self._number += part.size
            if self._number == self._segment.size:
                self._segment = None
