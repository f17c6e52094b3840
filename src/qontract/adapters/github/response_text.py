"""What GitHub answers, as far as it is a text: read strictly, for nothing that it sends is certain."""

_MAX_LENGTH = 10_000
"""Characters; GitHub's own limits are far below. It comes into events and results."""


def response_text(value: object) -> str:
    """Return the text. Raises ValueError if it is none, goes on and on, or could not be written down as UTF-8."""
    if not isinstance(value, str) or len(value) > _MAX_LENGTH:
        raise ValueError("a name or a description is no text, or too long")
    value.encode()
    return value
