"""Port: intents, a write-ahead log of actions."""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from qontract.domain.events import DomainEvent


class IntentsError(Exception):
    """Nobody knows whether the record was made, read or changed. The message has no secret in it.

    `unreplicated`: the record was made, but too few replicas have it.
    """

    def __init__(self, message: str, *, unreplicated: bool = False) -> None:
        super().__init__(message)
        self.unreplicated = unreplicated


class Intents(Protocol):
    """Remembers which actions are about to be applied, so that their events are published even if the process dies.

    - An intent is the event of an action. Its scope is the lock of the action's job: as long as a process holds that
      lock, no other one works on the intents of the scope.
    - When `record` has returned, the intent outlives this process. Recording an event again changes nothing.
    - Publishing an event removes its intent in the same step, if the publisher belongs to this store; and so does an
      event of a part of the action, whose extension `intentid` is the id of the intent.
    - `pending` returns the events of each scope as they were recorded, sorted by their time.
    - Resolving an event that is not pending changes nothing.
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
        """Remove intents whose actions were `applied`, after their events are published or spooled; or were not."""


INTENT_ID = "intentid"
"""The extension of an event that tells of a part of an action: the id of the intent of that action."""


def intents_of(event: DomainEvent) -> tuple[str, ...]:
    """Return the ids of the intents that are removed when the event is published."""
    whole = event.extensions.get(INTENT_ID)
    return (event.id, whole) if isinstance(whole, str) else (event.id,)


def by_scope(intents: Iterable[tuple[str, DomainEvent]]) -> dict[str, list[DomainEvent]]:
    """Return the events of each scope, sorted by their time."""
    found: defaultdict[str, list[DomainEvent]] = defaultdict(list)
    for scope, event in sorted(intents, key=lambda intent: intent[1].time):
        found[scope].append(event)
    return dict(found)
