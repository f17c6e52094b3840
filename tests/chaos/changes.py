"""What changed in a system, and what the events say of it."""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from typing import Any, Protocol

Change = tuple[str, str, object]
"""A group or team, a field of it, and the value that it has now."""
Fields = dict[tuple[str, str], object]
"""The value of each field, by group or team."""


class Recorded(Protocol):
    """A system that remembers each change. Of what takes several calls, `halfway` has the states that need no event."""

    changes: list[Change]
    halfway: Counter[Change]

    def fields(self) -> Fields:
        """Return what can change."""
        ...


class Recorder:
    """Notes what has changed since it last looked."""

    def __init__(self, fields: Fields) -> None:
        self.changes: list[Change] = []
        self.halfway: Counter[Change] = Counter()
        self._before = fields

    def note(self, after: Fields, *, halfway: bool) -> None:
        for key, value in after.items():
            if _known(self._before, *key) != value:
                self.changes.append((*key, value))
                self.halfway[*key, value] += halfway
        self._before = after


def overwritten(changes: list[Change]) -> int:
    """Count how often the description of a newer job was replaced by that of an older one: each says its number."""
    found, newest = 0, dict[str, int]()
    for group, field, value in changes:
        number = str(value).removeprefix("as job ").partition(" ")[0]
        if field == "description" and number.isdecimal():
            found += int(number) < newest.get(group, 0)
            newest[group] = int(number)
    return found


def late(events: Iterable[dict[str, Any]]) -> int:
    """Count the events that come after one of the same subject that was born later."""
    found, newest = 0, dict[str, str]()
    for event in events:
        found += event["time"] < newest.get(event["subject"], "")
        newest[event["subject"]] = max(event["time"], newest.get(event["subject"], ""))
    return found


def compare(start: Fields, changes: list[Change], halfway: Counter[Change], events: list[list[Change]]) -> Counter[str]:
    """Count the changes that no event tells of, and what events tell that was not; of each field, in order.

    An event that tells nothing new is one that was told before.
    """
    found: Counter[str] = Counter()
    known = dict(start)
    for event in events:
        found["told again"] += bool(event) and all(_known(known, *of) == value for *of, value in event)
        known |= {(handle, field): value for handle, field, value in event}
    flat = [change for event in events for change in event]
    for key in {(handle, field) for handle, field, _ in [*changes, *flat]}:
        first = _known(start, *key)
        done, said = ([first, *(value for *of, value in all_ if tuple(of) == key)] for all_ in (changes, flat))
        done, said = ([value for value, _ in groupby(values)] for values in (done, said))
        lost, untrue = Counter(done) - Counter(said), Counter(said) - Counter(done)
        lost -= Counter({value: halfway[*key, value] for value in lost})
        found.update(lost=lost.total(), untrue=untrue.total())
        if not lost and not untrue:
            rest = iter(done)
            found["out of order"] += not all(value in rest for value in said)
    return found


def _known(state: Fields, handle: str, field: str) -> object:
    """Return the value of a field; of a usergroup that is not there, what nobody needs to be told."""
    return state.get((handle, field), None if field == "description" else ())
