"""Port: where it is put on record what is about to be done."""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from qontract.domain.events import DomainEvent


class IntentsError(Exception):
    """It is not certain that the record was made, read or changed. The message has no secret in it.

    `unreplicated`: it was made, and fewer replicas have it than have to.
    """

    def __init__(self, message: str, *, unreplicated: bool = False) -> None:
        super().__init__(message)
        self.unreplicated = unreplicated


class Intents(Protocol):
    """Remembers which actions are about to be applied: their events are published even if who applies them dies.

    - An intent is the event of the action. Its scope is what the action's job locks: who holds that lock knows that
      nobody is at work on the scope's intents.
    - What `record` returned for outlasts this process. To record an event again changes nothing.
    - An event that is published is no longer an intent: that is one step, with the publisher that belongs to these.
    - `pending` has the events of each scope in the order in which they were born, as they were recorded.
    - To resolve what is not pending changes nothing.
    - It returns or raises IntentsError, and nothing else, within seconds. It may be called from any thread, and in a
      process forked from the one that made it.
    """

    @abstractmethod
    def record(self, scope: str, event: DomainEvent) -> None:
        """Record an intent."""

    @abstractmethod
    def pending(self) -> Mapping[str, Sequence[DomainEvent]]:
        """Return the intents that are neither published nor resolved, by scope."""

    @abstractmethod
    def resolve(self, events: Sequence[DomainEvent], *, applied: bool) -> None:
        """Forget intents that were looked into: their actions were `applied`, and the events are kept; or were not."""


def by_scope(intents: Iterable[tuple[str, DomainEvent]]) -> dict[str, list[DomainEvent]]:
    """Return the events of each scope, in the order in which they were born."""
    found: defaultdict[str, list[DomainEvent]] = defaultdict(list)
    for scope, event in sorted(intents, key=lambda intent: intent[1].time):
        found[scope].append(event)
    return dict(found)
