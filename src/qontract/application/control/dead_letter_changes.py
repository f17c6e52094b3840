"""Use case: redrive and discard dead letters, and publish events that say who did it."""

import logging
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from uuid import UUID, uuid4, uuid5

from qontract.application.event_manager import EventManager
from qontract.application.ports.dead_letters import ChangedBy, DeadLetters
from qontract.domain.dead_letter_events import ChangedLetters, DeadLettersDiscarded, DeadLettersRedriven, Letter
from qontract.domain.dead_letters import ChangedLetter
from qontract.domain.events import DomainEvent

log = logging.getLogger(__name__)

MAX_LETTERS = 100
"""How many letters one event has at most."""
ORPHANED_SECONDS = 60.0
"""After so long, a change counts as orphaned: its process died before it published the event."""

_NAMES = UUID("7b1b8f4e-2f0e-4b7a-9d0a-53c1d0c4a9ee")


class LetterChanges:
    """Changes letters in the name of somebody (`by`). Raises DeadLettersError.

    Each change is recorded in the same step. Events of the recorded changes are published or spooled after 100 changes,
    and at `publish`; also those of orphaned changes. `events` is None if events are disabled.
    """

    def __init__(
        self, dead_letters: DeadLetters, events: EventManager | None, *, by: str, correlation_id: str | None = None
    ) -> None:
        self._dead_letters = dead_letters
        self._events = events
        self._correlation_id = correlation_id
        self.by = by
        self._batch = str(uuid4())
        self._count = 0

    def redrive(self, letter_id: str, *, run: str = "") -> bool:
        """Redrive the event of a letter; return whether the letter was there."""
        return self._counted(self._dead_letters.redrive(letter_id, self._changed_by(run)))

    def discard(self, letter_id: str) -> bool:
        """Remove a letter for good; return whether it was there."""
        return self._counted(self._dead_letters.discard(letter_id, self._changed_by("")))

    def publish(self) -> None:
        """Publish the events of all recorded changes that have none yet."""
        if self._events is None:
            return
        batch, self._batch, self._count = self._batch, str(uuid4()), 0
        for changes in _by_batch(self._dead_letters.changes()):
            of_another = changes[0].batch != batch
            if of_another and (datetime.now(UTC) - changes[-1].time).total_seconds() < ORPHANED_SECONDS:
                continue
            if self._events.publish_events([*_events(changes, None if of_another else self._correlation_id)]):
                self._dead_letters.forget(changes)

    def _changed_by(self, run: str) -> ChangedBy:
        return ChangedBy(self.by, run, self._batch if self._events else "")

    def _counted(self, done: bool) -> bool:
        self._count += done
        if self._count >= MAX_LETTERS:
            self.publish()
        return done


def _by_batch(changes: Iterable[ChangedLetter]) -> list[list[ChangedLetter]]:
    batches: dict[str, list[ChangedLetter]] = {}
    for change in changes:
        batches.setdefault(change.batch, []).append(change)
    return list(batches.values())


def _events(changes: list[ChangedLetter], correlation_id: str | None) -> Iterator[DomainEvent]:
    """Yield the events of a batch. Their ids depend on the batch alone: published twice, they count once."""

    def kind(change: ChangedLetter) -> tuple[str, str, str]:
        return change.what, change.subscription, change.group

    for (what, subscription, group), some in groupby(sorted(changes, key=kind), kind):
        letters = list(some)
        for start in range(0, len(letters), MAX_LETTERS):
            part = letters[start : start + MAX_LETTERS]
            first = part[0]
            extra = {"subscription": subscription, "group": group, "count": len(part), "by": first.by}
            log.info("dead letters redriven" if what == "redriven" else "dead letters discarded", extra=extra)
            event_class = DeadLettersRedriven if what == "redriven" else DeadLettersDiscarded
            yield event_class(
                id=str(uuid5(_NAMES, f"{first.batch} {first.key}")),
                time=part[-1].time,
                subject=subscription or None,
                correlation_id=correlation_id,
                extensions={"authtype": "unknown", "authid": first.by},
                data=ChangedLetters(
                    subscription=subscription,
                    group=group,
                    cause=first.cause,
                    by=first.by,
                    letters=tuple(Letter(id=one.letter, entry=one.entry, event_id=one.event_id) for one in part),
                ),
            )
