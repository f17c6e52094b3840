"""Dead letters: events that a subscription gave up, and why. Letters of one subscription and cause are a group."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple, Self

from qontract.domain.failure_causes import UNKNOWN, UNREADABLE, Cause, cause_of_text

_MAX_TEXT_LENGTH = 2000
"""Longer types and subjects are cut: nobody searches for them, and the whole event is in `data`."""


class FailedAttempt(NamedTuple):
    """An attempt that failed: when, with a time zone, and why. `cause` is None if none was recorded."""

    time: datetime
    error: str
    cause: Cause | None = None

    @property
    def known_cause(self) -> Cause:
        """The recorded cause; if there is none, the one that the error's text shows."""
        return self.cause or cause_of_text(self.error)


class Redriven(NamedTuple):
    """When an event was redriven, with a time zone, and by whom. `run` is that of its group, if there was one."""

    time: datetime
    by: str
    run: str = ""


class Discarded(NamedTuple):
    """When a letter was discarded, with a time zone, and by whom; and when and why its last attempt had `failed`."""

    time: datetime
    by: str
    attempts: int
    failed: datetime | None
    error: str


@dataclass(frozen=True)
class DeadLetter:
    """An event that one subscription gave up.

    `data` has the bytes as they came, which may not be an event; then `type`, `subject` and `event_id` are None.
    `failures` has every attempt, oldest first: the last one is why the event is dead. `entry` is the id that the event
    had in the stream. `unreadable` says why the letter cannot be read whole, or was not written by a subscription; ""
    if all is well. An unreadable letter can be shown and discarded, and is never redriven. `redriven` is set if the
    event was redriven before, and died again.
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
        """Why the event is dead."""
        if self.unreadable:
            return Cause(UNREADABLE)
        if not self.failures:
            return Cause(UNKNOWN)
        return self.failures[-1].known_cause

    @property
    def group(self) -> str:
        """The id of its group: all letters of the same subscription and cause have the same."""
        return group_id(self.subscription, self.cause)

    @property
    def died(self) -> datetime | None:
        """When its last attempt failed."""
        return self.failures[-1].time if self.failures else None

    @property
    def error(self) -> str:
        """The error of its last attempt; or why the letter cannot be read."""
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
            {name: text[:_MAX_TEXT_LENGTH] for name, text in event.items() if isinstance(text, str)}
            if isinstance(event, dict)
            else {}
        )


@dataclass(frozen=True)
class ChangedLetter:
    """The record that a letter was redriven or discarded (`what`), when and by whom. `key` is the id of the record.

    `batch` is the same for all changes that were made together. `group` and `cause` are those of the letter.
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
class LetterGroup:
    """The dead letters of one subscription and cause: how many there are, and when the first and the last died.

    `example` is the id of the first letter; `error` and `type` are those of that letter.
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
        """Return the group of a letter, without counting the letter."""
        error = letter.unreadable or (letter.failures[-1].error if letter.failures else "")
        return cls(letter.group, letter.subscription, letter.cause, letter.id, error, letter.type)

    def add(self, letter: DeadLetter) -> None:
        """Count one more letter."""
        self.count += 1
        if died := letter.died:
            self.first = min(self.first or died, died)
            self.last = max(self.last or died, died)


def group_id(subscription: str, cause: Cause) -> str:
    """Return the id of a group. It depends on nothing else, so it is the same everywhere."""
    parts = "\0".join((subscription, *cause))
    return sha256(parts.encode(errors="backslashreplace")).hexdigest()[:10]


def groups_of(letters: Iterable[DeadLetter]) -> list[LetterGroup]:
    """Return the groups of the letters, the largest first. It holds no letter in memory."""
    groups: dict[str, LetterGroup] = {}
    for letter in letters:
        groups.setdefault(letter.group, LetterGroup.of(letter)).add(letter)
    return sorted(groups.values(), key=lambda group: -group.count)
