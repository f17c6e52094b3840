"""Port: where one event is for one subscription."""

from abc import abstractmethod
from typing import Protocol

from qontract.domain.delivery_states import DeliveryState


class DeliveryStatesError(Exception):
    """The log could not be reached. The message has no secret in it."""


class DeliveryStates(Protocol):
    """Where an event is for each subscription. Reading changes nothing.

    - `state` is the state of an entry, whether its event is still kept or not. If the event was redriven, it is the
      state of the redriven one until that is acknowledged. Any text may be an entry or a subscription; of an unknown
      one, nothing is known.
    - An entry that was read and is not acknowledged has its holder, and the record of its attempts. An entry that a
      replica acknowledges at the same moment is `ended` or `pending`, never neither.
    - `ended` is known for as long as the event is kept. The search for it is bounded; if it stops at the bound,
      `missing` says so. A part that cannot be read is in `missing`, and does not affect the others.
    - `ahead` has only entries that may hold up this one: in a shared subscription there are none.
    - `entry_of` returns the entry of an event that was published within the last day, by its source and id; None if
      not known.
    - DeliveryStatesError, and nothing else, is raised.
    """

    @abstractmethod
    def state(self, subscription: str, entry: str) -> DeliveryState:
        """Return where an event is for a subscription."""

    @abstractmethod
    def entry_of(self, event_id: str, source: str | None = None) -> str | None:
        """Return the entry of an event; without a source, of an event of this deployment."""
