"""How much a subscription holds at once: in events, and in bytes."""

import asyncio
from collections.abc import Collection
from contextlib import suppress

from qontract.application.ports.event_log import Entry


class Capacity:
    """Room for so many entries and bytes.

    An entry takes room while its content is held. It may be let go of and read again: what waits for long takes none.
    """

    def __init__(self, entries: int, max_bytes: int) -> None:
        self.entries = entries
        self.bytes = max_bytes
        self._changed: asyncio.Event | None = None

    def take(self, entries: Collection[Entry]) -> None:
        """Count the entries in. What is larger than all the room is taken too, once nothing else is held."""
        for entry in entries:
            entry.counted = counted = len(entry.content or b"") + 1
            self.bytes -= counted
        self.entries -= len(entries)

    def free(self, entry: Entry) -> None:
        """Count the entry out, if it was in."""
        if entry.counted:
            self.entries += 1
            self.bytes += entry.counted
            entry.counted = 0
            if self._changed:
                self._changed.set()

    async def room_for(self, entries: int, seconds: float) -> bool:
        """Wait until there is room for so many entries, or for so long; say whether there is any room at all."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.entries < entries or self.bytes <= 0:
                    self._changed = self._changed or asyncio.Event()
                    self._changed.clear()
                    await self._changed.wait()
        self._changed = None
        return self.entries > 0 and self.bytes > 0
