"""Use case: redrive the dead letters of one cause, in growing batches, until that cause comes back."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from qontract.application.letter_changes import LetterChanges
from qontract.application.ports.dead_letters import DeadLetters, SubscriptionGoneError
from qontract.application.ports.redrive_runs import RedriveRuns
from qontract.application.subscription_steering import Steering, UnknownSubscriptionError
from qontract.domain.dead_letters import DeadLetter, Group

MOST_AT_ONCE = 64
"""The largest batch: what is redriven before anybody looks how it went."""
PATIENCE_SECONDS = 60.0
"""For how long a batch is waited for whose events are neither handled nor have failed."""
LOOK_SECONDS = 0.1
_BATCH_SECONDS = 5.0
"""How long a batch may take at its rate."""


class NotReadError(Exception):
    """Nobody reads the subscription: what would be redriven only waits, and nobody sees how it goes."""


class End(StrEnum):
    """How a redriving has ended: nothing is left of its letters; its cause came back; or nobody reads them any more."""

    DONE = "done"
    CAME_BACK = "came back"
    NOT_READ = "not read"


@dataclass(frozen=True)
class Progress:
    """How far a redriving is.

    `redriven`: by this process. Of all events of the run, `waiting`: not acknowledged yet; `came_back`: failed again
    with the cause of the group, `error` being the latest of these; `otherwise`: failing for another cause.
    """

    redriven: int = 0
    waiting: int = 0
    came_back: int = 0
    otherwise: int = 0
    error: str = ""


def group_of(letters: Iterable[DeadLetter], group_id: str) -> Group | None:
    """Return the group, counted; None if no letter is of it."""
    found: Group | None = None
    for letter in letters:
        if letter.group == group_id:
            found = found or Group.of(letter)
            found.add(letter)
    return found


def check_read(steering: Steering, subscription: str) -> None:
    """Raise SubscriptionGoneError if the subscription is gone, and NotReadError if nobody reads it."""
    try:
        known = steering.get(subscription)
    except UnknownSubscriptionError:
        raise SubscriptionGoneError(subscription) from None
    if not (known.view.made or known.view.is_run):
        raise SubscriptionGoneError(subscription)
    if known.view.paused or not known.view.is_read:
        raise NotReadError(f"nobody reads its subscription {subscription} ({known.state}): {known.reason}")


class GroupRedrive:
    """One redriving of a group: of the letters that there were when it began. Raises DeadLettersError.

    Who redrives the group before it has ended goes on with it.
    """

    def __init__(self, dead_letters: DeadLetters, runs: RedriveRuns, changes: LetterChanges, group: Group) -> None:
        self._dead_letters = dead_letters
        self._runs = runs
        self._changes = changes
        self._group = group
        self._begin()
        found = self.progress()
        if not (found.waiting or found.came_back) and next(self._left(), None) is None:
            self.end()  # somebody has done it, and did not say so
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
        """Redrive so many more, with a pause after each, and tell of it; say how many letters it found."""
        found = 0
        try:
            for letter in islice(self._letters, count):
                self._redriven += self._changes.redrive(letter.id, run=self._run.id)
                found += 1
                pause()
        finally:
            self._changes.publish()
        return found

    def progress(self) -> Progress:
        """Look at what became of the events so far."""
        unacknowledged = self._runs.unacknowledged(self._run)
        cause = self._group.cause
        failing = [failure.error for failure in unacknowledged.failures if failure.known_cause.is_like(cause)]
        for letter in self._dead_letters.iterate(after=self._looked):
            self._looked = letter.id
            if letter.redriven and letter.redriven.run == self._run.id and letter.cause.is_like(cause):
                self._died_again += 1
                self._error = letter.failures[-1].error
        return Progress(
            redriven=self._redriven,
            waiting=unacknowledged.waiting,
            came_back=self._died_again + len(failing),
            otherwise=len(unacknowledged.failures) - len(failing),
            error=failing[-1] if failing else self._error,
        )

    def end(self) -> None:
        """End it: the next one begins with the letters that there are then."""
        self._runs.end(self._run)


def redrive_all(
    redrive: GroupRedrive,
    *,
    rate: float,
    is_read: Callable[[], bool],
    report: Callable[[Progress], object],
    sleep: Callable[[float], object],
    now: Callable[[], float],
) -> tuple[End, Progress]:
    """Redrive one letter, then two, four and so on, at most `rate` a second, and look each time how it went.

    A batch is as large as the one before if not all of that is handled. If nobody reads any more, the redriving has not
    ended, and can be gone on with. `sleep` and `now` are in seconds.
    """
    size, most = 1, max(1, min(MOST_AT_ONCE, int(rate * _BATCH_SECONDS)))
    while True:
        found = _settled(redrive, report, sleep, now)
        if found.came_back:
            redrive.end()
            return End.CAME_BACK, found
        if not is_read():
            return End.NOT_READ, found
        if found.redriven and not found.waiting:
            size = min(2 * size, most)
        if not redrive.step(size, lambda: sleep(1 / rate)):
            redrive.end()
            return End.DONE, found


def _settled(
    redrive: GroupRedrive,
    report: Callable[[Progress], object],
    sleep: Callable[[float], object],
    now: Callable[[], float],
) -> Progress:
    """Wait until each event is handled or has failed, for a while, and return how far it is."""
    patience = now() + PATIENCE_SECONDS
    while True:
        report(found := redrive.progress())
        if found.came_back or found.waiting <= found.otherwise or now() >= patience:
            return found
        sleep(LOOK_SECONDS)
