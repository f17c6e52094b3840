"""Port: the spool, where events wait that could not be published."""

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

    - When `append` has returned, its events survive kill -9 and a power cut: all of them or, if it raises, none.
    - If the event of an intent is appended, the intent becomes a waiting event in one step, at the same position.
    - `oldest` returns events in the order in which they were appended, and does not remove them. An event that waits
      already is not added twice.
    - The spool is bounded. A full spool keeps its events, and refuses more.
    - An empty spool answers fast, and uses no disk space.
    - `waiting` returns how many events wait, the age of the oldest, and how many bytes the spool has.
    - Every method returns or raises EventSpoolError, and nothing else, within seconds.
    """

    @abstractmethod
    def append(self, events: Sequence[DomainEvent]) -> None:
        """Keep the events."""

    @abstractmethod
    def oldest(self, count: int) -> Sequence[DomainEvent]:
        """Return the oldest waiting events, so many at most."""

    @abstractmethod
    def remove(self, events: Sequence[DomainEvent]) -> None:
        """Remove events, and intents, that were published."""

    @abstractmethod
    def waiting(self) -> Spooled:
        """Return how much waits, without reading the events."""
