"""In memory: the dead letters among the kept events."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from qontract.adapters.memory import faults
from qontract.adapters.memory.event_store import InMemoryEventStore, SubscriptionCursor
from qontract.application.ports.dead_letters import NOBODY, ChangedBy, DeadLetters
from qontract.domain.dead_letters import ChangedLetter, DeadLetter, Discarded, Redriven


class InMemoryDeadLetters(DeadLetters):
    """The dead letters of `events`. It adds the given `letters`, and makes their subscriptions."""

    fail = faults.fail

    def __init__(self, *letters: DeadLetter, events: InMemoryEventStore | None = None) -> None:
        self._events = events or InMemoryEventStore()
        for letter in letters:
            self._events.keep_letter(letter)
            known = self._events.of(letter.subscription)
            known.place = known.place or SubscriptionCursor()

    @property
    def waiting(self) -> Mapping[str, Sequence[bytes]]:
        """The redriven events that are not acknowledged, by subscription."""
        return self._events.redriven()

    def iterate(self, *, after: str = "", until: str = "") -> Iterator[DeadLetter]:
        """Yield the letters that exist now."""
        numbers = self._events.letter_numbers
        first, last = numbers.get(after, 0), numbers.get(until, len(numbers))
        return iter([letter for letter in self._events.letters.values() if first < numbers[letter.id] <= last])

    def newest(self) -> str:
        """Return the id of the letter that died last."""
        return next(reversed(self._events.letters), "")

    def get(self, letter_id: str) -> DeadLetter | None:
        """Return the letter."""
        return self._events.letters.get(letter_id)

    def redrive(self, letter_id: str, by: ChangedBy = NOBODY) -> bool:
        """Move the event to the redriven ones of its subscription."""
        letter = self.get(letter_id)
        if letter is None or letter.unreadable or not self._events.redrive(letter, by):
            return False
        self._keep_change("redriven", letter, by)
        return True

    def discard(self, letter_id: str, by: ChangedBy = NOBODY) -> bool:
        """Remove the letter."""
        letter = self._events.letters.pop(letter_id, None)
        if letter:
            mark = Discarded(datetime.now(UTC), by.who, len(letter.failures), letter.died, letter.error)
            self._events.discards[letter.subscription, letter.entry] = mark
            self._keep_change("discarded", letter, by)
        return letter is not None

    def redriven(self, subscription: str, entry: str) -> Redriven | None:
        """Look it up."""
        return self._events.marks.get((subscription, entry))

    def discarded(self, subscription: str, entry: str) -> Discarded | None:
        """Look it up."""
        return self._events.discards.get((subscription, entry))

    def changes(self) -> Sequence[ChangedLetter]:
        """Return the recorded changes."""
        return list(self._events.changes.values())

    def forget(self, changes: Collection[ChangedLetter]) -> None:
        """Remove the records."""
        for change in changes:
            self._events.changes.pop(change.key, None)

    def _keep_change(self, what: str, letter: DeadLetter, by: ChangedBy) -> None:
        if by.batch:
            key = f"{what} {letter.id}"
            self._events.changes[key] = ChangedLetter(
                key=key,
                what=what,
                batch=by.batch,
                letter=letter.id,
                subscription=letter.subscription,
                entry=letter.entry,
                event_id=letter.event_id,
                group=letter.group,
                cause=str(letter.cause),
                time=datetime.now(UTC),
                by=by.who,
            )
