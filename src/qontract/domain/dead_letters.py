"""Dead letters: events that a subscription gave up, with the reason; and those that have a cause in common."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple, Self

from qontract.domain.causes import UNKNOWN, UNREADABLE, Cause, cause_of_text

_LONGEST_TEXT = 2000
"""What is longer is no type and no subject that anybody looks for; the whole event is in `data`."""


class FailedAttempt(NamedTuple):
    """When an attempt to handle an event failed, with a time zone, and why. `cause` is None if none is on record."""

    time: datetime
    error: str
    cause: Cause | None = None

    @property
    def known_cause(self) -> Cause:
        """The cause: if none is on record, what the error tells."""
        return self.cause or cause_of_text(self.error)


class Redriven(NamedTuple):
    """When an event was redriven, with a time zone, and by whom; `run`, if it was one of a group, names that run."""

    time: datetime
    by: str
    run: str = ""


class Discarded(NamedTuple):
    """When a letter was discarded, with a time zone, and by whom; and of it, when and why its last attempt failed."""

    time: datetime
    by: str
    attempts: int
    failed: datetime | None
    error: str


@dataclass(frozen=True)
class DeadLetter:
    """An event that one subscription gave up.

    `data` is its bytes as they came, which may be no event at all; `type`, `subject` and `event_id` are None where the
    bytes do not tell. `failures` is every attempt, oldest first: the last one is why it is dead. `entry` is the id
    that it had in the stream. `unreadable` says why the letter is not one that a subscription wrote, or cannot be read
    whole; "" if it can. Such a letter can be shown and discarded, and is never redriven. `redriven`: it was redriven
    before, and died again.
    """

    id: str
    subscription: str
    data: bytes
    failures: tuple[FailedAttempt, ...]
    entry: str
    unreadable: str = ""
    redriven: Redriven | None = None

    @property
    def cause(self) -> Cause:
        """Why it is dead."""
        if self.unreadable:
            return Cause(UNREADABLE)
        if not self.failures:
            return Cause(UNKNOWN)
        return self.failures[-1].known_cause

    @property
    def group(self) -> str:
        """The id of its group: the same for all letters of its subscription that have its cause."""
        return group_id(self.subscription, self.cause)

    @property
    def died(self) -> datetime | None:
        """When its last attempt failed."""
        return self.failures[-1].time if self.failures else None

    @property
    def error(self) -> str:
        """What its last attempt failed with; of one that cannot be read, why."""
        return self.failures[-1].error if self.failures else self.unreadable or "nothing says why"

    @property
    def type(self) -> str | None:
        """The event's type."""
        return self._texts.get("type")

    @property
    def subject(self) -> str | None:
        """The event's subject."""
        return self._texts.get("subject")

    @property
    def event_id(self) -> str | None:
        """The event's own id."""
        return self._texts.get("id")

    @cached_property
    def _texts(self) -> dict[str, str]:
        try:
            event = json.loads(self.data)
        except (ValueError, RecursionError):
            return {}
        return (
            {name: text[:_LONGEST_TEXT] for name, text in event.items() if isinstance(text, str)}
            if isinstance(event, dict)
            else {}
        )


@dataclass(frozen=True)
class ChangedLetter:
    """A letter that was redriven or discarded, when and by whom. `key` is the record's own name.

    `batch` names all the changes that were made together; `group` and `cause` are those that the letter had.
    """

    key: str
    what: str
    batch: str
    letter: str
    subscription: str
    entry: str
    event_id: str | None
    group: str
    cause: str
    time: datetime
    by: str


@dataclass
class Group:
    """The dead letters of one subscription that have one cause: how many, when the first and the last of them died.

    `example` is one of them, its first: `error` and `type` are of that.
    """

    id: str
    subscription: str
    cause: Cause
    example: str
    error: str
    type: str | None
    count: int = 0
    first: datetime | None = None
    last: datetime | None = None

    @classmethod
    def of(cls, letter: DeadLetter) -> Self:
        """Return the group of a letter, which is not counted yet."""
        error = letter.unreadable or (letter.failures[-1].error if letter.failures else "")
        return cls(letter.group, letter.subscription, letter.cause, letter.id, error, letter.type)

    def add(self, letter: DeadLetter) -> None:
        """Count one more."""
        self.count += 1
        if died := letter.died:
            self.first = min(self.first or died, died)
            self.last = max(self.last or died, died)


def group_id(subscription: str, cause: Cause) -> str:
    """Return the name of a group, which is the same everywhere and at any time."""
    parts = "\0".join((subscription, *cause))
    return sha256(parts.encode(errors="backslashreplace")).hexdigest()[:10]


def groups_of(letters: Iterable[DeadLetter]) -> list[Group]:
    """Return the groups of the letters, the largest first. No letter is held."""
    groups: dict[str, Group] = {}
    for letter in letters:
        groups.setdefault(letter.group, Group.of(letter)).add(letter)
    return sorted(groups.values(), key=lambda group: -group.count)
