"""Use case: redrive the dead letters of one cause in growing batches; stop when they fail again for that cause."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from qontract.application.control.dead_letter_changes import LetterChanges
from qontract.application.control.subscriptions import SubscriptionControl, UnknownSubscriptionError
from qontract.application.ports.dead_letters import DeadLetters, SubscriptionGoneError
from qontract.application.ports.redrive_runs import RedriveRuns
from qontract.domain.dead_letters import DeadLetter, LetterGroup

MAX_AT_ONCE = 64
"""The largest batch. After each batch the result is checked."""
PATIENCE_SECONDS = 60.0
"""How long to wait for events of a batch that are neither handled nor have failed."""
POLL_SECONDS = 0.1
_BATCH_SECONDS = 5.0
"""A batch is so small that it takes no longer than this at its rate."""


class NotRunningError(Exception):
    """Nobody reads the subscription: redriven events would only wait."""


class RedriveEnd(StrEnum):
    """How a redrive ended: no letter is left; the cause came back; or nobody reads the subscription any more."""

    DONE = "done"
    CAME_BACK = "came back"
    NOT_READ = "not read"


@dataclass(frozen=True)
class RedriveProgress:
    """The progress of a redrive.

    `redriven` is how many letters this process has redriven. The other numbers are of all events of the run: `waiting`
    are not acknowledged yet, `came_back` have failed again with the cause of the group (`error` is the latest such
    error), and `otherwise` have failed with another cause.
    """

    redriven: int = 0
    waiting: int = 0
    came_back: int = 0
    otherwise: int = 0
    error: str = ""


def group_of(letters: Iterable[DeadLetter], group_id: str) -> LetterGroup | None:
    """Return the group with the number of its letters; None if it has none."""
    found: LetterGroup | None = None
    for letter in letters:
        if letter.group == group_id:
            found = found or LetterGroup.of(letter)
            found.add(letter)
    return found


def require_running(control: SubscriptionControl, subscription: str) -> None:
    """Raise SubscriptionGoneError if the subscription is gone, and NotRunningError if nobody reads it."""
    try:
        known = control.get(subscription)
    except UnknownSubscriptionError:
        raise SubscriptionGoneError(subscription) from None
    if not (known.view.made or known.view.is_run):
        raise SubscriptionGoneError(subscription)
    if known.view.paused or not known.view.is_read:
        raise NotRunningError(f"nobody reads its subscription {subscription} ({known.state}): {known.reason}")


class GroupRedrive:
    """One redrive of a group: of the letters that existed when it began. Raises DeadLettersError.

    Until it ends, everybody who redrives the group continues the same run.
    """

    def __init__(
        self, dead_letters: DeadLetters, runs: RedriveRuns, changes: LetterChanges, group: LetterGroup
    ) -> None:
        self._dead_letters = dead_letters
        self._runs = runs
        self._changes = changes
        self._group = group
        self._begin()
        found = self.progress()
        if not (found.waiting or found.came_back) and next(self._left(), None) is None:
            self.end()  # somebody finished the run, and died before ending it
            self._begin()

    def _begin(self) -> None:
        self._run = self._runs.begin(self._group.id, self._group.subscription, self._changes.by)
        self._letters = self._left()
        self._looked = self._run.newest
        self._died_again, self._error, self._redriven = 0, "", 0

    def _left(self) -> Iterator[DeadLetter]:
        letters = self._dead_letters.iterate(until=self._run.newest)
        return (letter for letter in letters if letter.group == self._group.id)

    def step(self, count: int, pause: Callable[[], object] = lambda: None) -> int:
        """Redrive the next letters, with a pause after each, and publish events; return how many were found."""
        found = 0
        try:
            for letter in islice(self._letters, count):
                self._redriven += self._changes.redrive(letter.id, run=self._run.id)
                found += 1
                pause()
        finally:
            self._changes.publish()
        return found

    def progress(self) -> RedriveProgress:
        """Return what became of the events so far."""
        unacknowledged = self._runs.unacknowledged(self._run)
        cause = self._group.cause
        failing = [failure.error for failure in unacknowledged.failures if failure.known_cause.is_like(cause)]
        for letter in self._dead_letters.iterate(after=self._looked):
            self._looked = letter.id
            if letter.redriven and letter.redriven.run == self._run.id and letter.cause.is_like(cause):
                self._died_again += 1
                self._error = letter.failures[-1].error
        return RedriveProgress(
            redriven=self._redriven,
            waiting=unacknowledged.waiting,
            came_back=self._died_again + len(failing),
            otherwise=len(unacknowledged.failures) - len(failing),
            error=failing[-1] if failing else self._error,
        )

    def end(self) -> None:
        """End the run. The next run begins with the letters that exist then."""
        self._runs.end(self._run)


def redrive_all(
    redrive: GroupRedrive,
    *,
    rate: float,
    is_read: Callable[[], bool],
    report: Callable[[RedriveProgress], object],
    sleep: Callable[[float], object],
    now: Callable[[], float],
) -> tuple[RedriveEnd, RedriveProgress]:
    """Redrive one letter, then two, four and so on, at most `rate` a second, and check the result each time.

    A batch does not grow if events of the batch before still wait. If nobody reads the subscription any more, the run
    has not ended, and can be continued. `sleep` and `now` are in seconds.
    """
    size, most = 1, max(1, min(MAX_AT_ONCE, int(rate * _BATCH_SECONDS)))
    while True:
        found = _wait_for_results(redrive, report, sleep, now)
        if found.came_back:
            redrive.end()
            return RedriveEnd.CAME_BACK, found
        if not is_read():
            return RedriveEnd.NOT_READ, found
        if found.redriven and not found.waiting:
            size = min(2 * size, most)
        if not redrive.step(size, lambda: sleep(1 / rate)):
            redrive.end()
            return RedriveEnd.DONE, found


def _wait_for_results(
    redrive: GroupRedrive,
    report: Callable[[RedriveProgress], object],
    sleep: Callable[[float], object],
    now: Callable[[], float],
) -> RedriveProgress:
    """Wait until each event is handled or has failed, but not for ever; return the progress."""
    patience = now() + PATIENCE_SECONDS
    while True:
        report(found := redrive.progress())
        if found.came_back or found.waiting <= found.otherwise or now() >= patience:
            return found
        sleep(POLL_SECONDS)
