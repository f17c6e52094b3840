"""Port: where events wait that could not be published."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from qontract.application.ports.intents import Intents, IntentsError
from qontract.domain.events import DomainEvent
from qontract.domain.processes import Spooled


class EventSpoolError(IntentsError):
    """The spool is full, or cannot be written or read. The message says which spool, and what to do."""


class EventSpool(Intents, Protocol):
    """Keeps events in order, and intents too, for all processes of this machine that share it.

    - What `append` returned for is kept: neither kill -9 nor a power cut loses it. All of the events are, or none.
    - An intent becomes an event that waits when it is appended, in one step, and keeps its place.
    - `oldest` has the events in the order in which they were appended; it does not remove them. An event that waits
      already is not there twice.
    - It is bounded. When it is full, what is in it stays, and more is refused.
    - An empty spool is quick to ask, and needs no place on the disk.
    - `waiting` says how many events wait, since when the oldest does, and how many bytes all of it has.
    - Every method returns or raises EventSpoolError, and nothing else, within seconds.
    """

    @abstractmethod
    def append(self, events: Sequence[DomainEvent]) -> None:
        """Keep the events."""

    @abstractmethod
    def oldest(self, count: int) -> Sequence[DomainEvent]:
        """Return as many of the events that wait, or fewer if there are no more."""

    @abstractmethod
    def remove(self, events: Sequence[DomainEvent]) -> None:
        """Forget events, and intents, that have been published."""

    @abstractmethod
    def waiting(self) -> Spooled:
        """Say how much waits, without reading it."""
