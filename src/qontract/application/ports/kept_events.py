"""Port: the kept events, as somebody looks at them who runs no subscription."""

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

    `since` and `until` are times, with a time zone, at which events were kept; both belong to it. `after` is an entry
    beyond which to go on, in the direction of reading: "" is the beginning.
    """

    since: datetime | None = None
    until: datetime | None = None
    after: str = ""
    newest_first: bool = False


class KeptEvents(Protocol):
    """All events that are kept. Looking at them acknowledges nothing, and moves no subscription.

    - `page` has the next events of a span, in order, up to `count`; fewer only at the end of the span. To go on after
      the last one of a page gives every event that is kept all the while, once.
    - Bytes stay as they came, whatever they are.
    - `newest` is an entry after which all that is kept later comes.
    - `get` has the event of an entry; None for any other text.
    - ValueError is raised for an `after` that can be no entry of this log, and KeptEventsError for whatever else goes
      wrong.
    """

    @abstractmethod
    def page(self, span: Span, count: int) -> Sequence[KeptEvent]:
        """Return the next events of the span."""

    @abstractmethod
    def newest(self) -> str:
        """Return where the log ends now."""

    @abstractmethod
    def get(self, entry: str) -> KeptEvent | None:
        """Return the event of an entry."""
