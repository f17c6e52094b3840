"""Use case: find dead letters, and redrive or discard them."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from qontract.application.ports.dead_letters import DeadLetters
from qontract.domain.dead_letters import DeadLetter
from qontract.domain.events import type_pattern


def find(  # noqa: PLR0917 - conditions, which callers name
    dead_letters: DeadLetters,
    subscription: str | None = None,
    event_type: str | None = None,
    subject: str | None = None,
    older_than: float | None = None,
    group: str | None = None,
    after: str = "",
    until: str = "",
) -> Iterator[DeadLetter]:
    """Yield the letters that meet every condition given, in the order in which they died. Raises DeadLettersError.

    In `event_type`, `*` stands for any text. Bytes that cannot be read have no type and no subject: they meet no
    condition on these. `older_than` is in seconds since the last attempt. Only letters after the letter `after`, and no
    later than the letter `until`, are looked at.
    """
    pattern = None if event_type is None else type_pattern(event_type)
    now = datetime.now(UTC)
    for letter in dead_letters.iterate(after=after, until=until):
        if (
            subscription in {None, letter.subscription}
            and _has_type(letter, pattern)
            and subject in {None, letter.subject}
            and (older_than is None or _age(letter, now) >= older_than)
            and group in {None, letter.group}
        ):
            yield letter


def _has_type(letter: DeadLetter, pattern: re.Pattern[str] | None) -> bool:
    return pattern is None or (letter.type is not None and pattern.fullmatch(letter.type) is not None)


def _age(letter: DeadLetter, now: datetime) -> float:
    """Return the seconds since its last attempt; 0 if none is on record."""
    return (now - letter.died).total_seconds() if letter.died else 0


def apply_to_each(
    change: Callable[[str], bool], letters: Iterable[DeadLetter], *, dry_run: bool = False
) -> Iterator[DeadLetter]:
    """Redrive or discard (`change`) one letter after the other, and yield those that were still there.

    A dry run changes nothing. Raises DeadLettersError; the letters that were yielded before are changed.
    """
    return (letter for letter in letters if dry_run or change(letter.id))
