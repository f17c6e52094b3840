"""Port: where it is put on record what is about to be done."""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from qontract.domain.events import DomainEvent


class IntentsError(Exception):
    """It is not certain that the record was made, read or changed. The message has no secret in it."""


class Intents(Protocol):
    """Remembers which actions are about to be applied, so that they are told even if whoever applies them dies.

    - An intent is the event that is to tell of the action. Its scope is the name under which the action's job excludes
      others: who holds that name knows that nobody is at work on the scope's intents.
    - What `record` returned for outlasts this process. To record an event again changes nothing.
    - An event that is published is no longer an intent: that is one step, with the publisher that belongs to these.
    - `open` has the events of each scope in the order in which they were born, as they were recorded.
    - To close what is not open changes nothing.
    - It returns or raises IntentsError, and nothing else, within seconds. It may be called from any thread, and in a
      process forked from the one that made it.
    """

    @abstractmethod
    def record(self, scope: str, event: DomainEvent) -> None:
        """Record an intent."""

    @abstractmethod
    def open(self) -> Mapping[str, Sequence[DomainEvent]]:
        """Return the intents that are neither published nor closed, by scope."""

    @abstractmethod
    def close(self, events: Sequence[DomainEvent], *, told: bool) -> None:
        """Forget intents that were looked into: their events are `told`, or the actions were not applied."""


def by_scope(intents: Iterable[tuple[str, DomainEvent]]) -> dict[str, list[DomainEvent]]:
    """Return the events of each scope, in the order in which they were born."""
    found: defaultdict[str, list[DomainEvent]] = defaultdict(list)
    for scope, event in sorted(intents, key=lambda intent: intent[1].time):
        found[scope].append(event)
    return dict(found)
