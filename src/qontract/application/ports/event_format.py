"""Port: how the bytes of an event are read."""

from abc import abstractmethod
from typing import Protocol

from qontract.domain.events import DomainEvent


class EventFormat(Protocol):
    """Reads events from their bytes.

    - `type_of` looks at no more than it must. It raises ValueError for bytes that are no event, and say no type.
    - `decode` returns an event of the class of its type; a plain DomainEvent if the type has none, or if the event does
      not fit it. Equal bytes may give the same object. It raises ValueError, which says what is wrong, for bytes that
      are no event.
    - `misfit` says in what an event, read as a plain DomainEvent, does not fit a class: which field, and why.
    - `encode` returns bytes that `decode` reads. It raises ValueError for what the format forbids.
    """

    @abstractmethod
    def type_of(self, content: bytes) -> str:
        """Return the event's type."""

    @abstractmethod
    def decode(self, content: bytes) -> DomainEvent:
        """Return the event."""

    @abstractmethod
    def misfit(self, event: DomainEvent, wanted: type[DomainEvent]) -> str:
        """Return one line: each field that does not fit, and why."""

    @abstractmethod
    def encode(self, event: DomainEvent) -> bytes:
        """Return the event's bytes."""
