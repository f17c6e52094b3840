"""A subscription's consumer group: what Redis is asked on its behalf.

Redis-py and not FastStream, whose stream subscriber makes its groups at the end of the stream, never gets back what
another replica had read, and stops for good when the stream disappears.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from qontract.domain.events import DomainEvent

DATA = b"__data__"

# KEYS: the streams, the lease. ARGV: group, consumer, count, holder of the lease, last entry received of each stream.
# A replica that reads without the lease would hide entries from the one that holds it, and an answer that gets lost
# would hide them from both. So the lease is checked, and what was read and not received comes first.
# Returns what it is, and of each stream a flat list: id, content, id, content; that is quick to take apart.
_READ = """
if KEYS[3] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[4] then return {'no lease'} end
local found = {{}, {}}
local function read(...)
  local answer = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', ...)
  for _, stream in ipairs(answer or {}) do
    local entries = found[stream[1] == KEYS[1] and 1 or 2]
    for _, entry in ipairs(stream[2]) do
      local content, fields = '', entry[2] or {}
      for i = 1, #fields, 2 do if fields[i] == '__data__' then content = fields[i + 1] end end
      entries[#entries + 1] = entry[1]
      entries[#entries + 1] = content
    end
  end
  return #found[1] + #found[2] > 0
end
for i = 1, 2 do
  if read(KEYS[i], ARGV[4 + i]) then return {'again', found[1], found[2]} end
end
if read(KEYS[1], KEYS[2], '>', '>') then return {'new', found[1], found[2]} end
local ends = {}
for i = 1, 2 do
  local info = redis.call('XINFO', 'STREAM', KEYS[i])
  for j = 1, #info, 2 do if info[j] == 'last-generated-id' then ends[i] = info[j + 1] end end
end
return {'nothing', unpack(ends)}
"""

# KEYS: stream, dead letters, failures. ARGV: group, entry, field of failures, bytes, failures, whether to delete it.
_BURY = """
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 1 then
  redis.call('XADD', KEYS[2], '*', '__data__', ARGV[4], 'subscription', ARGV[1], 'entry', ARGV[2], 'failures', ARGV[5])
  if ARGV[6] == '1' then redis.call('XDEL', KEYS[1], ARGV[2]) end
end
redis.call('HDEL', KEYS[3], ARGV[3])
"""

# KEYS: stream. ARGV: group, consumer, entries. Shows that the entries are being worked on, if they still are its own.
_KEEP = """
for i = 3, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) == 1 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
  end
end
"""

# KEYS: stream. ARGV: group, consumer. A consumer with pending entries is never deleted, for they would go with it.
_LEAVE = """
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end
"""


class LeaseLostError(Exception):
    """Another replica works on the subscription."""


@dataclass(eq=False, slots=True)
class Entry:
    """An entry of a stream. `content` may have been let go of, and is then read again; b"" if it is gone for good."""

    stream: str
    id: bytes
    content: bytes | None
    failures: list[dict[str, str]] = field(default_factory=list)
    due: float = 0
    takes_room: bool = False
    event: DomainEvent | None = None

    @property
    def key(self) -> tuple[str, bytes]:
        """What tells it from every other entry."""
        return self.stream, self.id

    @property
    def field(self) -> str:
        """Where its failures are recorded."""
        return f"{self.stream}/{self.id.decode()}"


class ConsumerGroup:
    """The group of a subscription on the stream, and on the one of the events that were redriven for it alone.

    Every method raises redis.RedisError if Redis cannot be reached, and ResponseError if the group has disappeared.
    """

    def __init__(self, redis: Redis, *, prefix: str, stream: str, name: str, replica: str, lease_key: str = "") -> None:
        self._redis = redis
        self._lease_key = lease_key
        self._read = redis.register_script(_READ)
        self._prefix = prefix
        self._name = name
        self._replica = replica
        self._failures = f"{prefix}failures:{name}"
        self.streams = (f"{prefix}redriven:{name}", stream)
        self._cursors: dict[str, Any] = dict.fromkeys(self.streams, "0-0")

    async def make(self) -> bool:
        """Make the group where it is not there, from the first entry. Say whether it was not."""
        made = False
        for stream in self.streams:
            with suppress(ResponseError):  # BUSYGROUP: it is there
                await self._redis.xgroup_create(stream, self._name, id="0", mkstream=True)
                made = made or stream == self.streams[-1]
        return made

    async def read(self, last: dict[str, bytes], count: int) -> list[Entry]:
        """Return entries of this replica after the `last` received of each stream, or else some that nobody has read.

        If there are none, wait up to a second for the first. Raises LeaseLostError.
        """
        keys = [*self.streams, self._lease_key]
        args: list[Any] = [self._name, self._replica, count, self._replica, *(last[stream] for stream in self.streams)]
        kind, *answer = await self._read(keys=keys, args=args)
        if kind == b"no lease":
            raise LeaseLostError
        if kind == b"nothing":
            await self._redis.xread(dict(zip(self.streams, answer, strict=True)), count=1, block=1000)
            return []
        entries = [
            Entry(stream, entry_id, content)
            for stream, flat in zip(self.streams, answer, strict=True)
            for entry_id, content in zip(flat[::2], flat[1::2], strict=True)
        ]
        return await self._with_failures(entries) if kind == b"again" else entries

    async def take_over_all(self) -> int:
        """Own everything that is not acknowledged, and return how many entries that is."""
        taken_over = 0
        for stream in self.streams:
            cursor: Any = None
            while cursor != b"0-0":
                cursor, claimed, *_ = await self._claim(stream, 0, cursor or "0-0", 1000)
                taken_over += len(claimed)
        return taken_over

    async def take_over_idle(self, seconds: float, count: int) -> list[Entry]:
        """Own what its reader has shown no sign of working on for so long, and return it, with its failures."""
        entries: list[Entry] = []
        for stream in self.streams:
            # It looks at so many entries at once: it goes on where it was, or the first ones would hide the others.
            self._cursors[stream], claimed, *_ = await self._claim(stream, seconds, self._cursors[stream], count)
            entries += [Entry(stream, entry_id, (fields or {}).get(DATA, b"")) for entry_id, fields in claimed]
        return await self._with_failures(entries)

    async def _claim(self, stream: str, seconds: float, start: Any, count: int) -> Any:
        idle = int(seconds * 1000)
        return await self._redis.xautoclaim(stream, self._name, self._replica, idle, start_id=start, count=count)

    async def keep(self, entries: Iterable[Entry]) -> None:
        """Show that this replica is working on the entries, so that no other takes them over."""
        for stream, ids in _by_stream(entries).items():
            await self._redis.eval(_KEEP, 1, stream, self._name, self._replica, *ids)

    async def give_back(self, entries: Iterable[Entry], idle_seconds: float) -> None:
        """Let another replica take over the entries at once, as if they had been idle for so long."""
        for stream, ids in _by_stream(entries).items():
            await self._redis.xclaim(
                stream, self._name, self._replica, 0, ids, idle=int(idle_seconds * 1000), justid=True
            )

    async def content(self, entry: Entry) -> bytes:
        """Read an entry again; b"" if it is gone."""
        found: Any = await self._redis.xrange(entry.stream, entry.id, entry.id)
        return bytes(found[0][1].get(DATA, b"")) if found else b""

    async def acknowledge(self, entries: Iterable[Entry], handled: Iterable[str], remember: float) -> None:
        """Be done with the entries, in one step; and remember the ids of the events that were handled, for so long."""
        entries = list(entries)
        async with self._redis.pipeline(transaction=True) as pipeline:
            for event_id in handled:
                pipeline.set(self._handled_key(event_id), "", px=int(remember * 1000))
            for stream, ids in _by_stream(entries).items():
                pipeline.xack(stream, self._name, *ids)
                if stream == self.streams[0]:
                    pipeline.xdel(stream, *ids)
            if failed := [entry.field for entry in entries if entry.failures or entry.due]:
                pipeline.hdel(self._failures, *failed)
            await pipeline.execute()

    async def was_handled(self, event_id: str) -> bool:
        """Say whether the id is remembered."""
        return bool(await self._redis.exists(self._handled_key(event_id)))

    async def record(self, entry: Entry) -> None:
        """Record the failures of the entry and when it is due again, so that another replica knows them."""
        record = json.dumps({"failures": entry.failures, "due": entry.due})
        await self._redis.hset(self._failures, entry.field, record)

    async def bury(self, entry: Entry) -> None:
        """Move the entry to the dead letters, with its bytes as they came and its failures, in one step."""
        content = await self.content(entry) if entry.content is None else entry.content
        keys = [entry.stream, f"{self._prefix}dead", self._failures]
        only_mine = int(entry.stream == self.streams[0])
        told: list[Any] = [self._name, entry.id, entry.field, content, json.dumps(entry.failures), only_mine]
        await self._redis.eval(_BURY, len(keys), *keys, *told)

    async def leave(self) -> None:
        """Take the name of this replica from the group, if nothing is pending."""
        for stream in self.streams:
            await self._redis.eval(_LEAVE, 1, stream, self._name, self._replica)

    async def forget_the_dead(self, idle_seconds: float) -> None:
        """Take the names of replicas from the group that have done nothing for so long, if nothing is pending."""
        for stream in self.streams:
            consumers: Any = await self._redis.xinfo_consumers(stream, self._name)
            for consumer in consumers:
                if consumer["idle"] > idle_seconds * 1000 and not consumer["pending"]:
                    await self._redis.eval(_LEAVE, 1, stream, self._name, consumer["name"])

    def _handled_key(self, event_id: str) -> str:
        return f"{self._prefix}handled:{self._name}:{event_id}"

    async def _with_failures(self, entries: list[Entry]) -> list[Entry]:
        if entries:
            records: Any = await self._redis.hmget(self._failures, [entry.field for entry in entries])
            for entry, record in zip(entries, records, strict=True):
                if record:
                    known = json.loads(record)
                    entry.failures, entry.due = known["failures"], known["due"]
        return entries


def _by_stream(entries: Iterable[Entry]) -> dict[str, list[Any]]:
    ids: dict[str, list[Any]] = {}
    for entry in entries:
        ids.setdefault(entry.stream, []).append(entry.id)
    return ids
