"""Subscriptions: named readers of the events."""

import re
from dataclasses import dataclass
from functools import cached_property

from qontract.application.ports.event_handler import EventHandler
from qontract.domain.events import type_pattern


@dataclass(frozen=True)
class Subscription:
    """A handler, and the name under which it is remembered how far it has come.

    A new name begins at the first event that is kept. Raises ValueError for a name that is no lower-case DNS label.
    """

    name: str
    handler: EventHandler

    def __post_init__(self) -> None:
        """Check the name: it becomes part of keys, metrics and log lines."""
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", self.name):
            raise ValueError(f"subscription {self.name!r}: use 1 to 63 lower-case letters, digits and inner hyphens")

    def wants(self, event_type: str) -> bool:
        """Say whether the handler asked for events of this type."""
        return self._pattern.fullmatch(event_type) is not None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return type_pattern(*self.handler.types)
