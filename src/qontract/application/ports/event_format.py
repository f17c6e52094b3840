"""Port: decode and encode events."""

from abc import abstractmethod
from typing import Protocol

from qontract.domain.events import DomainEvent


class EventFormat(Protocol):
    """Decodes events from bytes, and encodes them.

    - `type_of` returns the type without decoding more than necessary. It raises ValueError if the bytes have no type.
    - `decode` returns an event of the class of its type; a plain DomainEvent if the type has no class, or if the event
      does not fit the class. Equal bytes may give the same object. It raises ValueError, which says what is wrong, if
      the bytes are not an event.
    - `misfit` says why an event, decoded as a plain DomainEvent, does not fit a class: which fields, and why.
    - `encode` returns bytes that `decode` reads. It raises ValueError if the format forbids something in the event.
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
