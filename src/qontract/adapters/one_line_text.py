"""Texts that others wrote, made fit to be shown."""

_MAX_LENGTH = 500
"""Characters of an error: it is in a job's result, in the log and in an event."""


def one_line(text: str, longest: int = _MAX_LENGTH) -> str:
    """Return the text as one line: no more than so many characters, and none that has no picture."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text[: 2 * longest]).split())
    return line if len(line) <= longest and len(text) <= 2 * longest else f"{line[: longest - 1]}…"
