"""The capacity of a subscription: how many events and bytes it holds at once."""

import asyncio
from collections.abc import Collection
from contextlib import suppress

from qontract.application.ports.event_log import Entry


class Capacity:
    """Counts the entries and bytes that are held, up to a limit.

    An entry counts while its content is in memory. The content of an entry that waits for long is evicted, and read
    again later: such an entry does not count.
    """

    def __init__(self, entries: int, max_bytes: int) -> None:
        self.entries = entries
        self.bytes = max_bytes
        self._changed: asyncio.Event | None = None

    def take(self, entries: Collection[Entry]) -> None:
        """Count the entries. An entry that is larger than the whole capacity is taken when nothing else is held."""
        for entry in entries:
            entry.counted = counted = len(entry.content or b"") + 1
            self.bytes -= counted
        self.entries -= len(entries)

    def free(self, entry: Entry) -> None:
        """Stop counting the entry, if it counts."""
        if entry.counted:
            self.entries += 1
            self.bytes += entry.counted
            entry.counted = 0
            if self._changed:
                self._changed.set()

    async def wait_for(self, entries: int, seconds: float) -> bool:
        """Wait until so many entries are free, but no longer than `seconds`; return whether anything is free."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.entries < entries or self.bytes <= 0:
                    self._changed = asyncio.Event()
                    await self._changed.wait()
        self._changed = None
        return self.entries > 0 and self.bytes > 0
