"""Port: what the log knows of one event for one subscription."""

from abc import abstractmethod
from typing import Protocol

from qontract.domain.delivery_states import DeliveryState


class DeliveryStatesError(Exception):
    """The log could not be reached. The message has no secret in it."""


class DeliveryStates(Protocol):
    """Where an event is, for each subscription. Looking changes nothing.

    - `state` is about the entry of an event, whether it is kept or not; of one that was redriven, about what was
      redriven, as long as that is not acknowledged. Any text may be an entry, and a subscription: of what is none,
      nothing is known.
    - What was read and is not acknowledged has its holder, and what is on record of its attempts. What a replica
      acknowledges meanwhile is `ended` or `held`, and never neither.
    - `ended` is known for as long as the event is kept. It is looked for from the event on, up to a bound; where that
      ends the search, `missing` says so. What cannot be read takes nothing from the rest, and is `missing`.
    - `ahead` has only what may hold the event: of a shared subscription, nothing.
    - `entry_of` returns the entry of an event that was published in the last day, by its source and id; None if it is
      not known.
    - DeliveryStatesError, and nothing else, is raised.
    """

    @abstractmethod
    def state(self, subscription: str, entry: str) -> DeliveryState:
        """Return what is known of an event for a subscription."""

    @abstractmethod
    def entry_of(self, event_id: str, source: str | None = None) -> str | None:
        """Return where an event was published; without a source, one of this deployment's own."""
