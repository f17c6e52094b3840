"""The causes of failed attempts. Failures with different messages can have one cause."""

import re
from collections.abc import Sequence
from typing import NamedTuple

REPLICA_ENDED = "the replica ended during the attempt"
"""The error of an attempt during which the replica died."""

TIMED_OUT = "timed out"
REPLICA_DIED = "replica died"
REJECTED = "rejected"
NO_EVENT = "is no event"
UNREADABLE = "unreadable letter"
UNKNOWN = "unknown"

_MAX_LENGTH = 200
_MACHINERY = ("qontract.application.", "qontract.testing.")
"""The modules that call handlers: they are never the place of an error."""
_KNOWN_TEXTS = {
    re.escape(REPLICA_ENDED): REPLICA_DIED,
    "rejected by the handler: ": REJECTED,
    "TimeoutError: took longer than ": TIMED_OUT,
    "cannot be read: ": NO_EVENT,
}
_MISFIT = re.compile(r"(does not fit [^:]+): ([^:]*)")
_ERROR_TYPE = re.compile(r"([A-Za-z_][\w.]{0,199}):")


class Cause(NamedTuple):
    """Why an attempt failed: the `kind`, mostly the type of the error, and `where` it was raised, "" if not known."""

    kind: str
    where: str = ""

    def __str__(self) -> str:
        """Return the cause as people read it."""
        return f"{self.kind} at {self.where}" if self.where else self.kind

    def is_like(self, other: "Cause") -> bool:
        """Return whether both are the same but for the line number: the code may have changed in between."""
        return self.kind == other.kind and self.where.rpartition(":")[0] == other.where.rpartition(":")[0]


class Frame(NamedTuple):
    """One frame of a traceback: the module, the qualified name of the function, and the line."""

    module: str
    function: str
    line: int


def where_raised(frames: Sequence[Frame], home: str) -> str:
    """Return the innermost frame in the handler's own package, as text; "" if there is none.

    `frames` begin with the outermost. The handler's package is the one of the module `home`; if no frame is in it, the
    package that was called first counts instead.
    """
    called = [frame for frame in frames if not f"{frame.module}.".startswith(_MACHINERY)]
    own = [frame for frame in called if _package(frame.module) == _package(home)]
    own = own or [frame for frame in called if _package(frame.module) == _package(called[0].module)]
    return f"{own[-1].module}.{own[-1].function}:{own[-1].line}"[:_MAX_LENGTH] if own else ""


def cause_of_text(error: str) -> Cause:
    """Return the cause that can be read from the text of an error, if no cause was recorded."""
    for beginning, kind in _KNOWN_TEXTS.items():
        if re.match(beginning, error):
            return Cause(kind)
    if misfit := _MISFIT.match(error):
        return Cause(misfit[1][:_MAX_LENGTH], re.sub(r"\b\d+\b", "*", misfit[2])[:_MAX_LENGTH])  # any item of a list
    error_type = _ERROR_TYPE.match(error)
    return Cause(error_type[1] if error_type else UNKNOWN)


def cause_from(kind: object, where: object) -> Cause:
    """Return the cause that has these parts. Raises ValueError if they are not the parts of a cause."""
    if not (isinstance(kind, str) and isinstance(where, str) and kind):
        raise ValueError("a cause is no pair of texts")
    return Cause(*(text[:_MAX_LENGTH].encode(errors="backslashreplace").decode() for text in (kind, where)))


def _package(module: str) -> str:
    return module.partition(".")[0]
