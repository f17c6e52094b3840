"""Port: the subscriptions, for people who look at them and control them."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from qontract.domain.subscriptions import SeekPreview, SubscriptionView

Target = datetime | Literal["start", "end"]
"""Where a subscription continues: at the first event of this time or later, at the first of all, or at the next one."""


class SubscriptionsError(Exception):
    """The subscriptions could not be reached. The message has no secret in it."""


class BusyError(SubscriptionsError):
    """The request was refused: a replica works on the subscription. The message says what to do."""


class Subscriptions(Protocol):
    """All subscriptions that have a place in the log, or that were ever run.

    - `all` returns them sorted by name; of very many, only some. One that cannot be read does not affect the others.
      `get` returns one; None if there is none of this name. Any text may be a name.
    - `pause` records that nobody reads the subscription until `resume`; both return whether that changed anything, and
      may be called again. Replicas learn of it by `EventLog.paused`. The record outlives the replicas and the server.
    - `preview` counts what `seek` would do, up to a bound, and changes nothing.
    - `seek` moves the place, in one atomic step. Events after the place are read, for the first time or again; events
      before it are not. Entries that were read and not acknowledged are forgotten, with their attempts. Redriven events
      stay. BusyError is raised while a replica leads it; and while one runs it, unless it is paused.
    - `remove` removes the place, and all that is known of the subscription but its dead letters. BusyError is raised
      while a replica runs it, even if it is paused.
    - `seek` and `remove` return whether the subscription existed. SubscriptionsError, and nothing else, is raised.
    """

    @abstractmethod
    def all(self) -> Sequence[SubscriptionView]:
        """Return all subscriptions."""

    @abstractmethod
    def get(self, name: str) -> SubscriptionView | None:
        """Return one subscription."""

    @abstractmethod
    def pause(self, name: str, by: str) -> bool:
        """Pause it."""

    @abstractmethod
    def resume(self, name: str) -> bool:
        """Resume it."""

    @abstractmethod
    def preview(self, name: str, target: Target) -> SeekPreview | None:
        """Return what `seek` would do; None if there is no such subscription."""

    @abstractmethod
    def seek(self, name: str, target: Target) -> bool:
        """Move its place."""

    @abstractmethod
    def remove(self, name: str) -> bool:
        """Remove it."""
