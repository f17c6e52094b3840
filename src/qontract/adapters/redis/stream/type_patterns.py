"""The types that a subscription wants, as patterns that a script can match."""

import re
from collections.abc import Sequence


def lua_patterns(types: Sequence[str]) -> list[str]:
    """Return Lua patterns, of which an event type has to match one; none at all if every type is wanted.

    In a type, `*` stands for any text, and everything else for itself (Lua 5.1 reference manual, 5.4.1).
    """
    if not types:
        return ["^$"]
    if any(wanted and not wanted.strip("*") for wanted in types):
        return []
    return [f"^{_pattern(wanted)}$" for wanted in types]


def _pattern(wanted: str) -> str:
    return ".*".join(
        re.sub(r"[!-/:-@\[-`{-~]", r"%\g<0>", part).replace("\0", "%z") for part in re.split(r"\*+", wanted)
    )
