"""Dead letters: events that a subscription gave up, with the reason."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

_LONGEST_TEXT = 2000
"""What is longer is no type and no subject that anybody looks for; the whole event is in `data`."""


class FailedAttempt(NamedTuple):
    """When an attempt to handle an event failed, with a time zone, and why."""

    time: datetime
    error: str


@dataclass(frozen=True)
class DeadLetter:
    """An event that one subscription gave up.

    `data` is its bytes as they came, which may be no event at all; `type`, `subject` and `event_id` are None where the
    bytes do not tell. `failures` is every attempt, oldest first: the last one is why it is dead. `entry` is the id
    that it had in the stream. `unreadable` says why the letter is not one that a subscription wrote, or cannot be read
    whole; "" if it can. Such a letter can be shown and discarded, and is never redriven.
    """

    id: str
    subscription: str
    data: bytes
    failures: tuple[FailedAttempt, ...]
    entry: str
    unreadable: str = ""

    @property
    def type(self) -> str | None:
        """The event's type."""
        return self._texts.get("type")

    @property
    def subject(self) -> str | None:
        """The event's subject."""
        return self._texts.get("subject")

    @property
    def event_id(self) -> str | None:
        """The event's own id."""
        return self._texts.get("id")

    @cached_property
    def _texts(self) -> dict[str, str]:
        try:
            event = json.loads(self.data)
        except (ValueError, RecursionError):
            return {}
        return (
            {name: text[:_LONGEST_TEXT] for name, text in event.items() if isinstance(text, str)}
            if isinstance(event, dict)
            else {}
        )
