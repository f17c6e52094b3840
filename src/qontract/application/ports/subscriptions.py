"""Port: the subscriptions, as somebody looks at them and steers them who runs none."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from qontract.domain.subscriptions import Move, SubscriptionView

Target = datetime | Literal["start", "end"]
"""Where a subscription goes on: with the first event kept at this time or later; the first of all; what comes now."""


class SubscriptionsError(Exception):
    """The subscriptions could not be reached. The message has no secret in it."""


class BusyError(SubscriptionsError):
    """Refused, and nothing was done: a replica works on the subscription. The message says what to do."""


class Subscriptions(Protocol):
    """All subscriptions that have a place in the log, or that somebody has run.

    - `all` has each, in the order of their names; of very many, only some. One that cannot be read takes nothing from
      the others. `get` has one; None if there is none of this name, whatever text it is.
    - `pause` puts on record that nobody reads the subscription until `resume`; both say whether that changed anything,
      and may be called again. The replicas learn of it by `EventLog.paused`. It outlives them, and the server.
    - `preview` counts what `seek` would do, up to a bound, and changes nothing.
    - `seek` moves the place, in one atomic step: what comes after it is read, again or for the first time, and nothing
      before it. What was read and not acknowledged is forgotten, with its attempts. What was redriven stays to be read.
      Refused with BusyError while a replica leads it; and while one runs it, unless it is paused.
    - `remove` destroys the place and all that is known of the subscription, but for its dead letters; refused with
      BusyError while a replica runs it, also if it is paused.
    - `seek` and `remove` say whether the subscription was there. SubscriptionsError, and nothing else, is raised.
    """

    @abstractmethod
    def all(self) -> Sequence[SubscriptionView]:
        """Return all subscriptions."""

    @abstractmethod
    def get(self, name: str) -> SubscriptionView | None:
        """Return one."""

    @abstractmethod
    def pause(self, name: str, by: str) -> bool:
        """Let nobody read it."""

    @abstractmethod
    def resume(self, name: str) -> bool:
        """Let it be read again."""

    @abstractmethod
    def preview(self, name: str, target: Target) -> Move | None:
        """Say what `seek` would do; None if there is no such subscription."""

    @abstractmethod
    def seek(self, name: str, target: Target) -> bool:
        """Move its place."""

    @abstractmethod
    def remove(self, name: str) -> bool:
        """Destroy it."""
