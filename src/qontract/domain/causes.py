"""Why attempts fail, apart from the words of their errors: what failures of one cause have in common."""

import re
from collections.abc import Sequence
from typing import NamedTuple

REPLICA_ENDED = "the replica ended during the attempt"
"""The error of an attempt that a replica did not survive."""

TIMED_OUT = "timed out"
REPLICA_DIED = "replica died"
REJECTED = "rejected"
NO_EVENT = "is no event"
UNREADABLE = "unreadable letter"
UNKNOWN = "unknown"

_LONGEST = 200
_MACHINERY = ("qontract.application.", "qontract.testing.")
"""What calls handlers, and is not what raised."""
_KNOWN_TEXTS = {
    re.escape(REPLICA_ENDED): REPLICA_DIED,
    "rejected by the handler: ": REJECTED,
    "TimeoutError: took longer than ": TIMED_OUT,
    "cannot be read: ": NO_EVENT,
}
_MISFIT = re.compile(r"(does not fit [^:]+): ([^:]*)")
_ERROR_TYPE = re.compile(r"([A-Za-z_][\w.]{0,199}):")


class Cause(NamedTuple):
    """Why an attempt failed: its `kind`, mostly the type of the error; and `where` that is, "" where nobody knows."""

    kind: str
    where: str = ""

    def __str__(self) -> str:
        """Return it as people read it."""
        return f"{self.kind} at {self.where}" if self.where else self.kind

    def is_like(self, other: "Cause") -> bool:
        """Say whether it is the other one, perhaps some lines away: the code may have changed meanwhile."""
        return self.kind == other.kind and self.where.rpartition(":")[0] == other.where.rpartition(":")[0]


class Place(NamedTuple):
    """A line of code that runs: its module, the qualified name of its function, its number."""

    module: str
    function: str
    line: int


def where_raised(places: Sequence[Place], home: str) -> str:
    """Return the innermost place that is the handler's own code; "" if there is none.

    `places` begin with the outermost. Its own is the code of the package that has the module `home`; or, if that was
    not on the way, of the package that was called first.
    """
    called = [place for place in places if not f"{place.module}.".startswith(_MACHINERY)]
    own = [place for place in called if _package(place.module) == _package(home)]
    own = own or [place for place in called if _package(place.module) == _package(called[0].module)]
    return f"{own[-1].module}.{own[-1].function}:{own[-1].line}"[:_LONGEST] if own else ""


def cause_of_text(error: str) -> Cause:
    """Return the cause that the line of an error tells, where none was put on record."""
    for beginning, kind in _KNOWN_TEXTS.items():
        if re.match(beginning, error):
            return Cause(kind)
    if misfit := _MISFIT.match(error):
        return Cause(misfit[1][:_LONGEST], re.sub(r"\b\d+\b", "*", misfit[2])[:_LONGEST])  # of a list, any item
    error_type = _ERROR_TYPE.match(error)
    return Cause(error_type[1] if error_type else UNKNOWN)


def cause_from(kind: object, where: object) -> Cause:
    """Return the cause of these parts. Raises ValueError if they are none."""
    if not (isinstance(kind, str) and isinstance(where, str) and kind):
        raise ValueError("a cause is no pair of texts")
    return Cause(*(text[:_LONGEST].encode(errors="backslashreplace").decode() for text in (kind, where)))


def _package(module: str) -> str:
    return module.partition(".")[0]
