"""Port: the kept events, for people who look at them."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from qontract.domain.kept_events import KeptEvent


class KeptEventsError(Exception):
    """The kept events could not be reached, or none is kept. The message has no secret in it."""


@dataclass(frozen=True)
class Span:
    """A part of the log, and the direction in which it is read.

    `since` and `until` are the first and the last time at which its events came, with a time zone. Reading begins after
    the entry `after`, in the direction of reading; "" is the beginning of the span.
    """

    since: datetime | None = None
    until: datetime | None = None
    after: str = ""
    newest_first: bool = False


class KeptEvents(Protocol):
    """All kept events. Reading acknowledges nothing, and moves no subscription.

    - `page` returns the next events of a span, in order, up to `count`; fewer only at the end of the span. If each page
      begins after the last entry of the page before, every event that stays in the log is returned once.
    - Bytes stay as they came, whatever they are.
    - All later events come after the entry that `newest` returns.
    - `get` returns the event of an entry; None if the text is not an entry.
    - ValueError is raised if `after` cannot be an entry of this log, and KeptEventsError for every other failure.
    """

    @abstractmethod
    def page(self, span: Span, count: int) -> Sequence[KeptEvent]:
        """Return the next events of the span."""

    @abstractmethod
    def newest(self) -> str:
        """Return the last entry of the log."""

    @abstractmethod
    def get(self, entry: str) -> KeptEvent | None:
        """Return the event of an entry."""
