"""Port: publish domain events."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from qontract.domain.events import DomainEvent


class EventPublisherError(Exception):
    """The events may not have been published. The message has no secret in it.

    `refused`: one of them is not acceptable, now or later. `unreplicated`: all of them are published, but too few
    replicas have them: publish them again until enough have.
    """

    def __init__(self, message: str, *, refused: bool = False, unreplicated: bool = False) -> None:
        super().__init__(message)
        self.refused = refused
        self.unreplicated = unreplicated


class EventPublisher(Protocol):
    """Publishes events.

    - `publish` returns when all events are accepted, in the given order, with no other event between them.
    - All are accepted or none is. If the answer is lost, EventPublisherError is raised, and nobody knows which.
    - Publishing an accepted event again, within a day, changes nothing.
    - An event without a source gets the publisher's source; everything else arrives as it was given.
    - Without events it does nothing, and calls nobody.
    - It may be called from any thread, and in a process forked from the one that made it.
    - It returns or raises EventPublisherError, and nothing else, within seconds.
    """

    @abstractmethod
    def publish(self, events: Sequence[DomainEvent]) -> None:
        """Publish the events."""
