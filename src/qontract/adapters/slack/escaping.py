"""Texts that others wrote, made fit to be shown by Slack."""


def escaped(text: str, longest: int) -> str:
    r"""Return the text as Slack shows it exactly, in a code span: within one, only a backtick ends it.

    What has no picture (a new line, a control character, one that turns the direction of writing) is shown as `\n` or
    `\u202e`, a backtick as an apostrophe, and &, < and > are escaped (Slack, "Formatting text for app surfaces").
    Nothing is returned for a text without anything to show.
    """
    shown: list[str] = []
    left = longest
    for char in text.strip()[:longest]:
        piece = _PIECES.get(char) or (char if char.isprintable() else char.encode("unicode_escape").decode())
        left -= len(piece)
        if left < 0:
            break
        shown.append(piece)
    cut = "…" if len(shown) < len(text.strip()) else ""
    return f"`{''.join(shown)}{cut}`" if shown else ""


_PIECES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'"}
