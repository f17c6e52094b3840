"""In memory: the kept events, and what is known of each subscription."""

import asyncio
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from threading import Lock
from weakref import WeakKeyDictionary

from qontract.application.ports.dead_letters import ChangedBy, SubscriptionGoneError
from qontract.application.ports.event_log import Entry
from qontract.application.ports.redrive_runs import Run
from qontract.domain.dead_letters import ChangedLetter, DeadLetter, Discarded, FailedAttempt, Redriven
from qontract.domain.delivery_states import Interest
from qontract.domain.endings import Ended, Ending
from qontract.domain.subscriptions import Pause


@dataclass(slots=True)
class Kept:
    """An event's bytes, and when it came. Of one that was redriven: where it was at first, when it was, and by whom."""

    content: bytes
    since: float
    entry: str = ""
    redriven: Redriven | None = None


@dataclass(slots=True)
class Pending:
    """An entry that was read and is not acknowledged.

    `owner` is the replica that works on it, None after a release; `shown` is when it last showed that. `again`: the
    owner is to read it again.
    """

    owner: str | None
    shown: float
    since: float
    again: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of the attempts at an entry."""

    failures: tuple[FailedAttempt, ...]
    due: float
    begun: float


@dataclass(slots=True)
class Place:
    """How far a subscription has come: it has read the kept events up to `last`, and the redriven up to there."""

    last: int = 0
    last_redriven: int = 0
    pending: dict[int, Pending] = field(default_factory=dict)
    replicas: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Subscription:
    """What is known of one subscription. `place` is None before it is made, and after it was lost.

    `leader` is who leads, and until when; `paused` is since when nobody is to read, and who said so. `remembered` has
    ids of events, and until when they are known. `released` counts how often entries became anybody's, or are to be
    read again. For who asks later: `interest`; with which event it `begins`, since when, and whether it was moved
    there; and `endings`, by the entries that the events had first.
    """

    place: Place | None = None
    redriven: dict[int, Kept] = field(default_factory=dict)
    records: dict[int, Record] = field(default_factory=dict)
    remembered: dict[str, float] = field(default_factory=dict)
    leader: tuple[str, float] = ("", 0)
    released: int = 0
    interest: Interest | None = None
    begins: tuple[int, float, bool] | None = None
    endings: dict[str, Ended] = field(default_factory=dict)
    paused: Pause | None = None

    def open(self, replica: str, interest: Interest | None) -> bool:
        """Make its place if it is missing, and say so; what the replica holds is read again. Hold the lock."""
        made = self.place is None
        place = self.place = self.place or Place()
        place.replicas.add(replica)
        for pending in place.pending.values():
            pending.again |= pending.owner == replica
        self.released += 1
        self.interest = interest or self.interest
        return made

    def keep_ending(self, entry: Entry, number: int) -> None:
        """Keep how an entry ended that says so, by where its event was at first. Hold the lock."""
        if entry.ending:
            handled, redriven = entry.ending is Ending.HANDLED, self.redriven.get(number)
            attempts, seconds = (len(entry.failures) + 1, entry.seconds) if handled else (0, 0.0)
            ended = Ended(entry.ending, datetime.fromtimestamp(entry.ended, UTC), attempts, seconds)
            self.endings[redriven.entry if redriven else str(number)] = ended


class InMemoryEvents:
    """What Redis is to a deployment: the kept events, which every replica of every subscription shares.

    An InMemoryEventLog is how one replica of one subscription sees it, and InMemoryDeadLetters shows the dead letters.
    It may be used from any thread. `remove`, `trim` and `lose` are faults, for tests.
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self.kept: dict[int, Kept] = {}
        self.letters: dict[str, DeadLetter] = {}
        self.letter_numbers: dict[str, int] = {}
        self.changes: dict[str, ChangedLetter] = {}
        self.marks: dict[tuple[str, str], Redriven] = {}
        self.discards: dict[tuple[str, str], Discarded] = {}
        self.runs: dict[str, Run] = {}
        self.newest = 0
        self._latest = 0.0
        self._offsets: WeakKeyDictionary[asyncio.AbstractEventLoop, float] = WeakKeyDictionary()
        self._subscriptions: dict[str, Subscription] = {}
        self._numbers = count(1)
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def now(self) -> float:
        """Return the seconds since the beginning.

        They pass as on the running loop, whose clock may be virtual; on another one they go on from there. Where none
        is running they stand still.
        """
        with suppress(RuntimeError):
            loop = asyncio.get_running_loop()
            now = loop.time() + self._offsets.setdefault(loop, self._latest - loop.time())
            self._latest = max(self._latest, now)
        return self._latest

    @property
    def oldest(self) -> int:
        """The number of the oldest event that is kept, or else of the next one."""
        return next(iter(self.kept), self.newest + 1)

    def append(self, *contents: bytes) -> None:
        """Keep events; nothing comes between them."""
        with self.lock:
            for content in contents:
                self.newest = next(self._numbers)
                self.kept[self.newest] = Kept(content, self.now())
        self.wake()

    def remove(self, key: Hashable) -> None:
        """Remove one entry behind everybody's back, whether it was acknowledged or not."""
        with self.lock:
            self._forget([key])
        self.wake()

    def trim(self, length: int) -> None:
        """Keep no more than the newest so many events, whether the others were acknowledged or not."""
        with self.lock:
            self._forget(list(self.kept)[: max(0, len(self.kept) - length)])
        self.wake()

    def lose(self, subscription: str) -> None:
        """Lose the place of a subscription, and with it who works on what."""
        with self.lock:
            self.of(subscription).place = None
        self.wake()

    def of(self, subscription: str) -> Subscription:
        """Return what is known of a subscription."""
        return self._subscriptions.setdefault(subscription, Subscription())

    @property
    def subscriptions(self) -> Mapping[str, Subscription]:
        """What is known of every subscription that anybody has asked for."""
        return self._subscriptions

    def add_letter(
        self,
        subscription: str,
        content: bytes,
        failures: tuple[FailedAttempt, ...],
        entry: str,
        redriven: Redriven | None = None,
    ) -> str:
        """Make a dead letter; return its id. Hold the lock."""
        id_ = f"letter-{len(self.letter_numbers) + 1}"
        self.keep_letter(DeadLetter(id_, subscription, content, failures, entry, redriven=redriven))
        return id_

    def keep_letter(self, letter: DeadLetter) -> None:
        """Keep a dead letter, as the newest."""
        self.letter_numbers[letter.id] = len(self.letter_numbers) + 1
        self.letters[letter.id] = letter

    def redrive(self, letter: DeadLetter, by: ChangedBy) -> bool:
        """Give an event back to its subscription; say whether its letter was there."""
        with self.lock:
            known = self.of(letter.subscription)
            if letter.id not in self.letters:
                return False
            if known.place is None:
                raise SubscriptionGoneError(letter.subscription)
            del self.letters[letter.id]
            mark = self.marks[letter.subscription, letter.entry] = Redriven(datetime.now(UTC), by.who, by.run)
            known.redriven[next(self._numbers)] = Kept(letter.data, self.now(), letter.entry, mark)
        self.wake()
        return True

    def wake(self) -> None:
        """Let everybody who waits look again; from any thread."""
        for event, loop in list(self._waiting.items()):
            with suppress(RuntimeError):  # a loop that was closed
                loop.call_soon_threadsafe(event.set)

    @contextmanager
    def waiting(self) -> Iterator[asyncio.Event]:
        """Give an event that is set when there may be something new since."""
        event = asyncio.Event()
        self._waiting[event] = asyncio.get_running_loop()
        try:
            yield event
        finally:
            del self._waiting[event]

    def redriven(self) -> dict[str, list[bytes]]:
        """Return what was redriven and is not acknowledged, by subscription."""
        with self.lock:
            return {
                name: [kept.content for kept in subscription.redriven.values()]
                for name, subscription in self._subscriptions.items()
                if subscription.redriven
            }

    def _forget(self, keys: Iterable[Hashable]) -> None:
        for key in keys:
            for mark in [mark for mark in (*self.marks, *self.discards) if mark[1] == str(key)]:
                self.marks.pop(mark, None)
                self.discards.pop(mark, None)
            for events in (self.kept, *(subscription.redriven for subscription in self._subscriptions.values())):
                events.pop(key, None)  # type: ignore[call-overload] # a key that is none of ours is not there
