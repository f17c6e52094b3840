"""What changed in Slack, and what the events say of it."""

from collections import Counter
from itertools import groupby
from typing import Any

from qontract.entrypoints.slack_sandbox.workspace import SandboxWorkspace, StartFile

Change = tuple[str, str, object]
"""Handle, field, and the value that it has now."""


class Recorded(SandboxWorkspace):
    """A workspace that remembers each change of a usergroup, by handle and field.

    Of an action that takes several calls, `halfway` has the states that need not be told.
    """

    def __init__(self, start: StartFile) -> None:
        super().__init__(start)
        self.changes: list[Change] = []
        self.halfway: Counter[Change] = Counter()
        self._before = self.fields()

    def call(self, method: str, arguments: dict[str, str]) -> dict[str, Any]:
        try:
            return super().call(method, arguments)
        finally:
            after = self.fields()
            for key, value in after.items():
                if _known(self._before, *key) != value:
                    self.changes.append((*key, value))
                    if method == "usergroups.enable":
                        self.halfway[*key, value] += 1
            self._before = after

    def fields(self) -> dict[tuple[str, str], object]:
        """Return what can change, by handle and field."""
        return {
            (group["handle"], field): value
            for group in self.state.usergroups
            for field, value in {
                "description": group["description"],
                "members": () if group["date_delete"] else tuple(sorted(group["users"])),
                "channels": tuple(sorted(group["prefs"]["channels"])),
            }.items()
        }


def told(event: dict[str, Any]) -> list[Change]:
    """Return the changes that an event tells of."""
    data, kind = event["data"], event["type"].rpartition(".")[2]
    found: list[Change] = []
    if kind in {"create", "update_metadata"}:
        found.append((data["usergroup"], "description", data["description"]))
        found.append((data["usergroup"], "channels", tuple(sorted(data["channel_ids"]))))
    if kind in {"create", "update_users"}:
        found.append((data["usergroup"], "members", tuple(sorted(data["user_ids"]))))
    return found


def compare(
    start: dict[tuple[str, str], object], changes: list[Change], halfway: Counter[Change], events: list[list[Change]]
) -> Counter[str]:
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


def _known(state: dict[tuple[str, str], object], handle: str, field: str) -> object:
    """Return the value of a field; of a usergroup that is not there, what nobody needs to be told."""
    return state.get((handle, field), None if field == "description" else ())
