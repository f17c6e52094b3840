"""What became of the events: counted, explained, and as a table."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.table import Table

from tests.chaos.kinds import KINDS

_SUBSCRIBER = (
    "attempted",
    "accepted",
    "handled",
    "dead",
    "removed",
    "wrongly dead",
    "lost",
    "duplicated",
    "out of order",
    "wrong why",
    "seconds",
)
_PUBLISHER = (
    "steps",
    "deaths",
    "changes",
    "events",
    "lost",
    "untrue",
    "told again",
    "doubled ids",
    "overwritten",
    "out of order",
    "seconds",
)
_HOSTILE = (
    "values",
    "accounted for",
    "unknown",
    "jobs",
    "jobs failed",
    "refused jobs",
    "events",
    "stuck",
    "ended",
    "replaced",
    "commands",
    "tracebacks",
    "obeyed",
    "5xx",
    "seconds",
)
_API = ("requests", "2xx", "4xx", "5xx", "not as documented", "seconds")
_FAILING_OVER = [name for name, kind in KINDS.items() if kind.fails_over]
"""In these an event that was lost comes again after later ones, and so does a job whose end was lost."""
COLUMNS: dict[str, tuple[str, ...]] = (
    dict.fromkeys(("ordered", "shared", "plain"), _SUBSCRIBER)
    | dict.fromkeys(("publishing", "unsafe"), _PUBLISHER)
    | dict.fromkeys(_FAILING_OVER, (*_PUBLISHER, "submitted again"))
    | {"hostile": _HOSTILE, "api": _API}
)
_EXPLAINED_BELOW = {"hostile", "api"}
"""The kinds of which each cause gets a line of its own."""
_BROKEN = (
    "lost",
    "wrongly dead",
    "untrue",
    "doubled ids",
    "overwritten",
    "wrong why",
    "unknown",
    "jobs failed",
    "stuck",
    "ended",
    "replaced",
    "tracebacks",
    "obeyed",
    "5xx",
    "not as documented",
)
REACH = 6_000_000_000
"""How long before an event was first handled that may have begun which made it be handled again, in ns."""


class Record(NamedTuple):
    """A handling that succeeded. The times are in ns; an event's id is its subject, `-`, its number in the subject."""

    begin: int
    end: int
    pid: int
    event: str
    told: int

    @classmethod
    def read(cls, line: str) -> "Record":
        begin, end, pid, event, told = line.split()
        return cls(int(begin), int(end), int(pid), event, int(told))


@dataclass(frozen=True)
class Outcome:
    """The numbers of one run, or of several added up; `causes` are those of the duplicates, `faults` what happened."""

    kind: str
    label: str
    numbers: Counter[str]
    causes: Counter[str]
    faults: Counter[str]

    @property
    def sound(self) -> bool:
        """Say whether the promises were kept."""
        may_be_told_again = ["spool unwritable", "killed with the primary"]  # its intent was out of sight, or came back
        if self.kind in _FAILING_OVER:  # its intent came back, and who had published its event stood still meanwhile
            may_be_told_again.append("stopped")
        told = [] if any(self.faults[name] for name in may_be_told_again) else ["told again"]
        order = [] if self.kind in {"shared", *_FAILING_OVER} else ["out of order"]
        broken = {*_BROKEN, *told, *order} - ({"overwritten"} if self.kind in _FAILING_OVER else set())
        return not any(self.numbers[name] for name in broken)


def fates(
    accepted: set[str], *, handled: set[str], dead: set[str], removed: set[str], poison: set[str]
) -> Counter[str]:
    """Count what became of the accepted events; of each, the first of these fates.

    What was handled may be dead as well: a replica may die between the handler's end and the acknowledgement of the
    last attempt. What the harness took out of the stream need not be handled, and is no loss. A dead letter is right
    only of what is poison: no other event fails so often.
    """
    return Counter(
        {
            "accepted": len(accepted),
            "handled": len(accepted & handled),
            "dead": len(accepted & dead - handled),
            "removed": len(accepted & removed - handled - dead),
            "lost": len(accepted - handled - dead - removed),
            "wrongly dead": len(dead - poison),
        }
    )


def first_handlings(records: Iterable[Record]) -> dict[str, Record]:
    """Return of each event the handling that ended first."""
    return {record.event: record for record in sorted(records, key=lambda record: -record.end)}


def out_of_order(records: Iterable[Record], dead: set[str], removed: Mapping[str, int]) -> int:
    """Count the events that were not handled yet when a later one of their subject was begun.

    Of each event that handling counts which ended first. Event n is out of order if the one of a later event of its
    subject began before n's ended. So a replica that wakes up without its lease, and finishes or repeats what another
    one has handled meanwhile, makes a duplicate and no disorder; two events of one subject at once are disorder. Dead
    letters are left out: they make way for the later ones.

    So does an event that was `removed` from the stream, at that time, before that end: no other replica knows of it. It
    is out of order only if it was begun after a later one.
    """
    subjects: dict[str, list[tuple[int, Record]]] = defaultdict(list)
    for event, record in first_handlings(records).items():
        subject, number = event.rsplit("-", 1)
        subjects[subject].append((-int(number), record))
    found = 0
    for handled in subjects.values():
        next_begin = float("inf")
        for _, record in sorted(handled):
            if record.event not in dead:
                was_removed = removed.get(record.event, record.end) < record.end
                found += (record.begin if was_removed else record.end) > next_begin
                next_begin = min(next_begin, record.begin)
    return found


def causes(records: Iterable[Record], incidents: Sequence[tuple[int, str]]) -> Counter[str]:
    """Count the further handlings of events by what happened since shortly before the first, and last before the later.

    The loss of the group goes first, however long ago: it brings back all that is kept, and what was read before it is
    acknowledged in vain, for the new group has not come to it.
    """
    records = list(records)
    first = first_handlings(records)
    found: Counter[str] = Counter()
    for record in records:
        if record is not first[record.event]:
            begin = first[record.event].begin
            before = [(at, name) for at, name in incidents if at < max(begin, record.begin)]
            near = [name for at, name in before if at > begin - REACH or name == "group lost"]
            found["group lost" if "group lost" in near else near[-1] if near else "unexplained"] += 1
    return found


def table(outcomes: Sequence[Outcome]) -> Table:
    """Return a row for each run, all of one kind, and their sum; below it what befell the runs, or became of values."""
    kind = outcomes[0].kind
    columns, why = COLUMNS[kind], kind not in _EXPLAINED_BELOW
    made = Table("seed", *columns, *(["duplicates after"] if why else []), title=kind)
    total = Outcome(kind, "total", Counter(), Counter(), Counter())
    for outcome in outcomes:
        total.numbers.update(outcome.numbers)
        total.causes.update(outcome.causes)
        total.faults.update(outcome.faults)
    made.caption_justify = "left"
    made.caption = (
        "Faults: " + ", ".join(f"{fault} {number}" for fault, number in sorted(total.faults.items()))
        if why
        else "\n".join(f"{number:6,}  {cause}" for cause, number in sorted(total.causes.items()))
    )
    for outcome in [*outcomes, total]:
        causes_of = ", ".join(f"{cause} {number}" for cause, number in outcome.causes.most_common())
        numbers = [str(outcome.numbers[name]) for name in columns]
        style = None if outcome.sound else "bold red"
        made.add_row(outcome.label, *numbers, *([causes_of] if why else []), style=style)
    return made
