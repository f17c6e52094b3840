"""What the contract of EventLog needs beside the port: making, keeping and losing events."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from qontract.application.ports.dead_letters import DeadLetters
from qontract.application.ports.event_log import Entry, EventLog

CLAIM_SECONDS = 0.4
"""Entries of a shared subscription without a heartbeat for so long are claimed from their replica."""

LONG = 30.0
"""The lease in seconds of a leader that leads during the whole test."""

MUCH = 1_000_000
"""A limit in bytes that no test reaches."""

PATIENCE = 5.0
"""How many seconds a test waits for entries before it fails."""


class Events(Protocol):
    """The kept events, and faults in them. A new one is empty.

    `dead_letters` is an adapter of the port DeadLetters on the same events.
    """

    @property
    def dead_letters(self) -> DeadLetters: ...

    def log(
        self, subscription: str, replica: str, *, shared: bool, wants: Callable[[str], bool] | None = None
    ) -> EventLog:
        """Make the view of one replica. A shared one claims after CLAIM_SECONDS. `wants` None: it wants every type."""
        ...

    async def append(self, *contents: bytes) -> None:
        """Append these events, as a publisher does."""
        ...

    async def remove(self, content: bytes) -> None:
        """Remove the entry with these bytes from the log, whether it is acknowledged or not."""
        ...

    async def fork(self) -> Callable[[], Awaitable[None]]:
        """Remember the events and places as they are now; return a function that restores them, as a failover may."""
        ...

    async def lose(self, subscription: str) -> None:
        """Lose the place of the subscription, and its pending entries."""
        ...


def event(id_: str | int, type_: str = "a.b", text: str = "") -> bytes:
    """Return the bytes of a CloudEvent."""
    attributes = {"specversion": "1.0", "id": str(id_), "type": type_, "source": "/here", "data": {"text": text}}
    return json.dumps(attributes).encode()


def some_events(count: int, start: int = 0) -> list[bytes]:
    return [event(number) for number in range(start, start + count)]


async def opened(
    events: Events,
    replica: str = "one",
    *,
    shared: bool = False,
    subscription: str = "audit-log",
    wants: Callable[[str], bool] | None = None,
) -> EventLog:
    """Return the view of a replica that is ready to read. If it is not shared, it leads."""
    log = events.log(subscription, replica, shared=shared, wants=wants)
    await log.open()
    if not shared:
        assert await log.lead(LONG)
        await log.claim_all()
    return log


async def successor(events: Events, dead: EventLog, replica: str = "two", *, shared: bool) -> EventLog:
    """Return the view of the replica that gets the entries of a dead one."""
    if shared:
        await asyncio.sleep(1.5 * CLAIM_SECONDS)
    else:
        await dead.abdicate()
    return await opened(events, replica, shared=shared)


async def read(log: EventLog, count: int) -> list[Entry]:
    """Read so many entries, with several reads if necessary."""
    found: list[Entry] = []
    async with asyncio.timeout(PATIENCE):
        while len(found) < count:
            found += await log.read(count - len(found), MUCH, 0.05)
    return found


async def nothing_to_read(log: EventLog) -> bool:
    return not await log.read(10, MUCH, 0) and not await log.read(10, MUCH, 0.05)


def contents(entries: Sequence[Entry]) -> list[bytes | None]:
    return [entry.content for entry in entries]


def calls(log: EventLog, entries: Sequence[Entry]) -> dict[str, Callable[[], Awaitable[Any]]]:
    """Return one call for each method that needs the subscription's place, by the method's name."""
    return {
        "lead": lambda: log.lead(LONG),
        "claim_all": log.claim_all,
        "read": lambda: log.read(1, MUCH, 0),
        "content_of": lambda: log.content_of(entries[0]),
        "acknowledge": lambda: log.acknowledge(entries),
        "record": lambda: log.record(entries),
        "dead_letter": lambda: log.dead_letter(entries[0]),
        "heartbeat": lambda: log.heartbeat(entries),
        "release": lambda: log.release(entries),
        "remember": lambda: log.remember(["id"], 1),
        "known": lambda: log.known("id"),
        "measures": log.measures,
        "close": log.close,
        "abdicate": log.abdicate,
    }
