"""Kept events, as somebody looks at them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

_DEEPEST = 200
"""Who reads events goes no further, and who writes them would not come to the end."""


@dataclass(frozen=True)
class KeptEvent:
    """An event in the log: what was published, which may be no event at all.

    `entry` is where it is in the log; `kept` is since when. `content` is its bytes, as they came.
    """

    entry: str
    kept: datetime
    content: bytes

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """The event as JSON has it; nothing if the bytes are no JSON object, or one that is nested too deeply."""
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
        """Its own id, which the publisher gave it."""
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
        """Return an attribute that is a text; None if it has none."""
        value = self.attributes.get(name)
        return value if isinstance(value, str) else None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def is_deep(value: Any, deepest: int) -> bool:
    """Say whether JSON's objects and lists are nested deeper than that, without recursion."""
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
