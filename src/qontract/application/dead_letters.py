"""Use case: find dead letters, and redrive or discard them."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from qontract.application.ports.dead_letters import DeadLetters
from qontract.domain.dead_letters import DeadLetter
from qontract.domain.events import type_pattern


def find(  # noqa: PLR0917 - conditions: who calls it names them
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
    condition on these. `older_than` is in seconds since the last attempt; They are those after the letter
    `after`, and no later than the letter `until`.
    """
    pattern = None if event_type is None else type_pattern(event_type)
    now = datetime.now(UTC)
    for letter in dead_letters.iterate(after=after, until=until):
        age = (now - letter.failures[-1].time).total_seconds() if letter.failures else 0
        if (
            (subscription is None or letter.subscription == subscription)
            and (pattern is None or (letter.type is not None and pattern.fullmatch(letter.type)))
            and (subject is None or letter.subject == subject)
            and (older_than is None or age >= older_than)
            and (group is None or letter.group == group)
        ):
            yield letter


def apply(
    change: Callable[[str], bool], letters: Iterable[DeadLetter], *, dry_run: bool = False
) -> Iterator[DeadLetter]:
    """Redrive or discard (`change`) each letter when it is asked for, and yield those that were still there.

    A dry run changes nothing. Raises DeadLettersError: what was yielded before is done.
    """
    return (letter for letter in letters if dry_run or change(letter.id))
