"""Port: the kept events, as one subscription sees them."""

from abc import abstractmethod
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from qontract.domain.dead_letters import FailedAttempt
from qontract.domain.delivery_outcomes import DeliveryOutcome
from qontract.domain.events import DomainEvent


class EventLogError(Exception):
    """The log refused, or did not answer: nobody knows what was done. The message has no secret in it."""


class LeaseLostError(EventLogError):
    """Another replica leads this subscription."""


class PlaceLostError(EventLogError):
    """The place of this subscription was lost, and its deliveries too: call `open`, and claim again."""


class LogWentBackError(PlaceLostError):
    """The log went back: it lost the latest events, and how far its subscriptions had come since."""


@dataclass(eq=False, slots=True)
class Entry:
    """One kept event. `key` has a meaning for the adapter only; `str(key)` is the id that people see.

    - `content` has its bytes; None if they were evicted: `content_of` reads them again.
    - `type` is None if it is not known without decoding.
    - `redelivered`: an attempt may have begun earlier, on this replica or another one.
    - `recorded`: the log has a record of its attempts: the `failures` so far, when it is `due` again, and when a
      running attempt has `begun` (in seconds since the epoch; 0: none).
    - `expired`: if not 0, the event is gone from the log, without content. The entry then stands for so many events:
      more than one if the log only knows how many vanished before they were read.
    - `outcome`, `ended` and `seconds`: how it ended, when (in seconds since the epoch), and how long its last attempt
      took. An event that was not wanted has no outcome.
    - Only the delivery uses the last three: the decoded event, whether the entry may have killed a replica, and how
      many bytes it counts in the capacity.
    """

    key: Hashable
    content: bytes | None
    type: str | None = None
    redelivered: bool = False
    failures: tuple[FailedAttempt, ...] = ()
    due: float = 0
    begun: float = 0
    recorded: bool = False
    expired: int = 0
    outcome: DeliveryOutcome | None = None
    ended: float = 0
    seconds: float = 0
    event: DomainEvent | None = None
    suspect: bool = False
    counted: int = 0


@dataclass(frozen=True)
class Measures:
    """Estimates of how far a subscription has come.

    `lag`: events that are not read yet. `pending`: events that a replica has read, and that are not acknowledged.
    `oldest_seconds`: the age of the oldest of both. `replicas`: how many replicas read it.
    """

    lag: int
    pending: int
    oldest_seconds: float
    dead_letters: int
    replicas: int


class EventLog(Protocol):
    """One subscription's view of the kept events, for one replica.

    - `open` makes the subscription at the first kept event if it is missing, and returns whether it made it. It may be
      called again at any time; then the entries that this replica holds are read again.
    - Ordered: `lead` makes this replica the leader for so many seconds from the call, or prolongs that, unless another
      replica leads: there is at most one leader. `abdicate` ends it. After `claim_all`, a new leader reads everything
      that is not acknowledged, in order, before anything new.
    - `read` returns new entries in order: up to `count`, and about `max_bytes`, but one at least. It waits up to `wait`
      seconds for the first. It may return none, and it may return entries again (`redelivered`). Entries of unwanted
      types may be left out, and are acknowledged. If the subscription is ordered, it raises LeaseLostError when another
      replica leads.
    - Shared: `read` also claims entries for which no replica has sent a heartbeat for a while. There is no other claim.
    - An entry that vanished before it was acknowledged is read once more, as `expired`, if the log can know it.
    - `acknowledge` ends entries, in any order; repeating it changes nothing. A crash of the server may lose the latest
      ones. If an entry has an `outcome`, the log keeps how and when it ended for as long as it keeps the event.
    - `record` keeps `failures`, `due` and `begun` of entries, so that every replica that reads one has them. The record
      ends with the entry.
    - `dead_letter` makes a dead letter with the bytes and the failures, and then ends the entry. Repeating it may make
      a second letter, but there is always one. It works for an entry that vanished too, if its bytes are known.
    - `heartbeat` shows that this replica still works on the entries. `release` lets other replicas read the entries at
      once; if the subscription is ordered, only the leader can do it.
    - `paused` returns whether the subscription is paused: then nobody reads it.
    - `remember` keeps ids for so many seconds; `known` returns whether an id is kept.
    - `measures` reads no events. `close` removes this replica from the subscription, if it holds no entries any more.
    - Every method raises EventLogError and nothing else: PlaceLostError if its place is lost, or if the log
      may have lost acknowledgements. After the log went back, `read` raises LogWentBackError once: then events may come
      again, and other events may have the keys of lost ones.
    """

    @abstractmethod
    async def open(self) -> bool:
        """Make the subscription if it is missing; return whether it was."""

    @abstractmethod
    async def lead(self, seconds: float) -> bool:
        """Lead for so long from now, unless another replica leads; return whether this replica leads."""

    @abstractmethod
    async def abdicate(self) -> None:
        """Do not lead any more."""

    @abstractmethod
    async def paused(self) -> bool:
        """Return whether the subscription is paused."""

    @abstractmethod
    async def claim_all(self) -> None:
        """Claim everything that is not acknowledged."""

    @abstractmethod
    async def read(self, count: int, max_bytes: int, wait: float) -> Sequence[Entry]:
        """Return entries to deliver."""

    @abstractmethod
    async def content_of(self, entry: Entry) -> bytes | None:
        """Read the bytes of an entry again; None if the event is gone."""

    @abstractmethod
    async def acknowledge(self, entries: Collection[Entry]) -> None:
        """End the entries."""

    @abstractmethod
    async def record(self, entries: Collection[Entry]) -> None:
        """Record the attempts at the entries."""

    @abstractmethod
    async def dead_letter(self, entry: Entry) -> None:
        """Dead-letter the entry."""

    @abstractmethod
    async def heartbeat(self, entries: Collection[Entry]) -> None:
        """Show that the entries are being worked on."""

    @abstractmethod
    async def release(self, entries: Collection[Entry]) -> None:
        """Release the entries."""

    @abstractmethod
    async def remember(self, ids: Collection[str], seconds: float) -> None:
        """Remember ids of handled events."""

    @abstractmethod
    async def known(self, event_id: str) -> bool:
        """Return whether the id is remembered."""

    @abstractmethod
    async def measures(self) -> Measures:
        """Return how far the subscription has come."""

    @abstractmethod
    async def close(self) -> None:
        """Remove this replica from the subscription."""
