"""Kept events, for people who look at them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

_DEEPEST = 200
"""How deep JSON may be nested: beyond that, readers and writers of events give up."""


@dataclass(frozen=True)
class KeptEvent:
    """An entry of the log. Anybody can write there, so `content` may not be an event.

    `entry` is its id in the log, and `kept` the time since when it is there. `content` has the bytes as they came.
    """

    entry: str
    kept: datetime
    content: bytes

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """The event's attributes in JSON; none if the bytes are not a JSON object, or it is nested too deeply."""
        try:
            found = json.loads(self.content, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) and not is_deep(found, _DEEPEST) else {}

    @property
    def type(self) -> str | None:
        """Its type."""
        return self.text("type")

    @property
    def id(self) -> str | None:
        """The id that its publisher gave it."""
        return self.text("id")

    @property
    def source(self) -> str | None:
        """Its source."""
        return self.text("source")

    @property
    def subject(self) -> str | None:
        """Its subject: what it happened to."""
        return self.text("subject")

    @property
    def who(self) -> str | None:
        """Who asked for it: the extension `authid`."""
        return self.text("authid")

    def text(self, name: str) -> str | None:
        """Return an attribute if it is a text, else None."""
        value = self.attributes.get(name)
        return value if isinstance(value, str) else None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def is_deep(value: Any, deepest: int) -> bool:
    """Return whether objects and lists of JSON are nested deeper than that. It uses no recursion."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(deepest):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
