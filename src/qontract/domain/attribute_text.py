"""Texts that CloudEvents allows in an event's attributes."""

import re
from typing import Annotated

from pydantic import AfterValidator

_PLANES = range(0, 0x110000, 0x10000)
_NONCHARACTERS = "".join(chr(plane | last) for plane in _PLANES for last in (0xFFFE, 0xFFFF))
_FORBIDDEN = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_NONCHARACTERS}]")


def forbidden_in(text: str) -> bool:
    """Return whether the text has a character that CloudEvents forbids in attributes (1.0.2, type system)."""
    return _FORBIDDEN.search(text) is not None


def _allowed(text: str) -> str:
    if forbidden_in(text):
        raise ValueError("a character in it is forbidden in CloudEvents")
    return text


AttributeText = Annotated[str, AfterValidator(_allowed)]
"""A text that an event can have as an attribute."""
