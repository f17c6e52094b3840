"""Dead letters: events that a subscription gave up, with the reason."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple


class FailedAttempt(NamedTuple):
    """When an attempt to handle an event failed, with a time zone, and why."""

    time: datetime
    error: str


@dataclass(frozen=True)
class DeadLetter:
    """An event that one subscription gave up.

    `data` is its bytes as they came, which may be no event at all; `type`, `subject` and `event_id` are None where the
    bytes do not tell. `failures` is every attempt, oldest first: the last one is why it is dead. `entry` is the id
    that it had in the stream.
    """

    id: str
    subscription: str
    data: bytes
    failures: tuple[FailedAttempt, ...]
    entry: str

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
            {name: value for name, value in event.items() if isinstance(value, str)} if isinstance(event, dict) else {}
        )
