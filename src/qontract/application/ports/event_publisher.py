"""Port: where domain events go to become known."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from qontract.domain.events import DomainEvent


class EventPublisherError(Exception):
    """The events may not have been published. The message has no secret in it.

    `refused`: one of them is not acceptable, and would not be at another time. `unreplicated`: all of them are
    published, and fewer replicas have them than have to; they are to be published again until that is so.
    """

    def __init__(self, message: str, *, refused: bool = False, unreplicated: bool = False) -> None:
        super().__init__(message)
        self.refused = refused
        self.unreplicated = unreplicated


class EventPublisher(Protocol):
    """Publishes events.

    - `publish` returns when all the events are accepted, in the order given; nothing comes between them.
    - All are accepted or none is, unless the answer was lost: then EventPublisherError is raised all the same.
    - An event that was accepted and is published again, within a day, changes nothing.
    - An event without a source gets the publisher's; everything else arrives as it was given.
    - No events: nothing happens, and the outside is not called.
    - It may be called from any thread, and in a process forked from the one that made it.
    - It returns or raises EventPublisherError, and nothing else, within seconds.
    """

    @abstractmethod
    def publish(self, events: Sequence[DomainEvent]) -> None:
        """Publish the events."""
