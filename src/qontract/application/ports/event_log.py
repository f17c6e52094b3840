"""Port: the kept events, as one subscription sees them."""

from abc import abstractmethod
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from qontract.domain.dead_letters import FailedAttempt
from qontract.domain.endings import Ending
from qontract.domain.events import DomainEvent


class EventLogError(Exception):
    """The log refused, or did not answer: it is not certain what was done. The message has no secret in it."""


class LeaseLostError(EventLogError):
    """Another replica leads this subscription."""


class GoneError(EventLogError):
    """The place of this subscription was lost, and deliveries with it: `open`, and claim again."""


class RewoundError(GoneError):
    """The log went back: it lost what it had accepted last, and how far its subscriptions had come since."""


@dataclass(eq=False, slots=True)
class Entry:
    """One kept event. What `key` means only the adapter knows; `str(key)` is how people find the entry.

    `content` is its bytes; None once it was let go of, and `content_of` reads it again. `type` is None if it is not
    known without decoding. `redelivered`: another replica, or this one before, may have begun it. What was `recorded`,
    if anything was: the `failures` so far, when it is `due` again, when an attempt was `begun` that has not ended
    (times in seconds since the epoch; 0: none). `expired`, if it is not 0: it is gone from the log, and has no content;
    it stands for so many entries, which is more than one where the log knows only how many vanished unread.

    How it has ended, where that is to be kept: `ending`; when (`ended`, in seconds since the epoch), and how many
    `seconds` its last attempt took. Of what was not wanted there is nothing to keep.

    The last three are the delivery's own: the event once it is decoded, whether the entry may have ended a replica, and
    whether it counts against the capacity.
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
    ending: Ending | None = None
    ended: float = 0
    seconds: float = 0
    event: DomainEvent | None = None
    suspect: bool = False
    counted: int = 0


@dataclass(frozen=True)
class Measures:
    """How far a subscription has come: estimates.

    `lag`: events not read yet. `pending`: read, by any replica, and not acknowledged. `oldest_seconds`: age of the
    oldest of both. `dead_letters`: how many it has. `replicas`: how many read it.
    """

    lag: int
    pending: int
    oldest_seconds: float
    dead_letters: int
    replicas: int


class EventLog(Protocol):
    """One subscription's view of the kept events, for one replica.

    - `open` makes the subscription at the first kept event if it is missing, and says whether it made it. It may be
      called again at any time; then what this replica holds is read again.
    - Ordered: `lead` makes this replica the leader for so many seconds from the call, or keeps it so, unless another
      one is; there is at most one. `abdicate` ends that. `claim_all`, by a new leader, hands it everything that is not
      acknowledged: `read` has it, in order, before anything new.
    - `read` has new entries in order, up to `count`, and about `max_bytes` (one entry at least), and waits for the
      first up to `wait` seconds; perhaps none, perhaps some again (`redelivered`). Entries of types that the
      subscription does not want may be left out, and are acknowledged. Ordered, it raises LeaseLostError if another
      replica leads.
    - Shared: `read` also brings what no replica has shown to be working on for a while. There is no claim of its own.
    - An entry that vanished before it was acknowledged comes once more, as `expired`, where the log can tell.
    - `acknowledge` ends entries, in any order; repeating it changes nothing. A crash of the server may forget the
      latest. Of an entry that says its `ending` it is kept how and when it ended, for as long as the event is.
    - `record` keeps `failures`, `due` and `begun` of entries, so that every replica that reads one knows them. It ends
      with the entry.
    - `dead_letter`: the letter exists, with the bytes and the failures; then the entry is done. Repeating it may make
      a second letter, and never none. It works for an entry that vanished too, with the bytes at hand.
    - `heartbeat` shows that this replica still works on the entries. `release` gives entries back, to be read at once
      by whoever is next; ordered, only a leader does.
    - `paused` says whether somebody has paused the subscription: nobody reads it then.
    - `remember` keeps ids for so many seconds; `known` says whether one is kept.
    - `measures` reads no events. `close` takes this replica from the subscription, if it holds nothing any more.
    - Every method raises EventLogError and nothing else: GoneError if the subscription's place is lost, or
      the log cannot tell whether something that was done is. `read` says RewoundError, once, where it went back: events
      may come again then, and others under the keys of those that are lost.
    """

    @abstractmethod
    async def open(self) -> bool:
        """Make the subscription if it is missing; say whether it was."""

    @abstractmethod
    async def lead(self, seconds: float) -> bool:
        """Lead for so long from now, if nobody else does; say whether this replica leads."""

    @abstractmethod
    async def abdicate(self) -> None:
        """Lead no more."""

    @abstractmethod
    async def paused(self) -> bool:
        """Say whether nobody is to read the subscription."""

    @abstractmethod
    async def claim_all(self) -> None:
        """Own everything that is not acknowledged."""

    @abstractmethod
    async def read(self, count: int, max_bytes: int, wait: float) -> Sequence[Entry]:
        """Return entries to deliver."""

    @abstractmethod
    async def content_of(self, entry: Entry) -> bytes | None:
        """Return the bytes of an entry again; None if it is gone."""

    @abstractmethod
    async def acknowledge(self, entries: Collection[Entry]) -> None:
        """End the entries."""

    @abstractmethod
    async def record(self, entries: Collection[Entry]) -> None:
        """Keep what is known of their attempts."""

    @abstractmethod
    async def dead_letter(self, entry: Entry) -> None:
        """Move the entry to the dead letters."""

    @abstractmethod
    async def heartbeat(self, entries: Collection[Entry]) -> None:
        """Show that the entries are being worked on."""

    @abstractmethod
    async def release(self, entries: Collection[Entry]) -> None:
        """Give the entries back."""

    @abstractmethod
    async def remember(self, ids: Collection[str], seconds: float) -> None:
        """Remember that these were handled."""

    @abstractmethod
    async def known(self, event_id: str) -> bool:
        """Say whether the id is remembered."""

    @abstractmethod
    async def measures(self) -> Measures:
        """Say how far the subscription has come."""

    @abstractmethod
    async def close(self) -> None:
        """Take this replica from the subscription."""
