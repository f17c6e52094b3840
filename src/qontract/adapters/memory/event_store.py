"""In memory: the kept events, and the state of each subscription."""

import asyncio
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from threading import Lock
from weakref import WeakKeyDictionary

from qontract.application.ports.dead_letters import ChangedBy, SubscriptionGoneError
from qontract.application.ports.event_log import Entry
from qontract.application.ports.redrive_runs import Run
from qontract.domain.dead_letters import ChangedLetter, DeadLetter, Discarded, FailedAttempt, Redriven
from qontract.domain.delivery_outcomes import DeliveryOutcome, EndedDelivery
from qontract.domain.delivery_states import SubscriptionFilter
from qontract.domain.subscriptions import Pause


@dataclass(slots=True)
class Kept:
    """An event: its bytes, and when it came. If redriven, also its first entry, when it was redriven, and by whom."""

    content: bytes
    since: float
    entry: str = ""
    redriven: Redriven | None = None


@dataclass(slots=True)
class Pending:
    """An entry that was read and is not acknowledged.

    `owner` is the replica that holds it, None after a release; `shown` is the time of its last heartbeat. `again`: the
    owner has to read it again.
    """

    owner: str | None
    shown: float
    since: float
    again: bool = False


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """The record of the attempts at an entry."""

    failures: tuple[FailedAttempt, ...]
    due: float
    begun: float


@dataclass(slots=True)
class SubscriptionCursor:
    """How far a subscription has come: it has read kept events up to `last`, and redriven ones to `last_redriven`."""

    last: int = 0
    last_redriven: int = 0
    pending: dict[int, Pending] = field(default_factory=dict)
    replicas: set[str] = field(default_factory=set)


@dataclass(slots=True)
class SubscriptionState:
    """The state of one subscription. `place` is None before it is made, and after it was lost.

    - `leader` is the name of the leader, and until when it leads.
    - `remembered` has ids of events, and until when they are remembered.
    - `releases` counts how often entries were released, or have to be read again.
    - `begins`: the first event that it reads, when that was decided, and whether the place was moved there.
    - `outcomes` has how events ended, by their first entries.
    """

    place: SubscriptionCursor | None = None
    redriven: dict[int, Kept] = field(default_factory=dict)
    records: dict[int, AttemptRecord] = field(default_factory=dict)
    remembered: dict[str, float] = field(default_factory=dict)
    leader: tuple[str, float] = ("", 0)
    releases: int = 0
    wanted: SubscriptionFilter | None = None
    begins: tuple[int, float, bool] | None = None
    outcomes: dict[str, EndedDelivery] = field(default_factory=dict)
    paused: Pause | None = None

    def open(self, replica: str, wanted: SubscriptionFilter | None) -> bool:
        """Make its place if it is missing, and return whether it was. The caller holds the lock."""
        made = self.place is None
        place = self.place = self.place or SubscriptionCursor()
        place.replicas.add(replica)
        for pending in place.pending.values():
            pending.again |= pending.owner == replica
        self.releases += 1
        self.wanted = wanted or self.wanted
        return made

    def keep_ending(self, entry: Entry, number: int) -> None:
        """Record how an entry ended, by the first entry of its event. The caller holds the lock."""
        if entry.outcome:
            handled, redriven = entry.outcome is DeliveryOutcome.HANDLED, self.redriven.get(number)
            attempts, seconds = (len(entry.failures) + 1, entry.seconds) if handled else (0, 0.0)
            ended = EndedDelivery(entry.outcome, datetime.fromtimestamp(entry.ended, UTC), attempts, seconds)
            self.outcomes[redriven.entry if redriven else str(number)] = ended


class InMemoryEventStore:
    """The kept events, which all replicas of all subscriptions share, as they share Redis in a deployment.

    InMemoryEventLog is the view of one replica of one subscription, and InMemoryDeadLetters has the dead letters. It
    may be used from any thread. `remove`, `trim`, `lose` and `fork` are faults, for tests.
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
        self.history = 0
        self._latest = 0.0
        self._offsets: WeakKeyDictionary[asyncio.AbstractEventLoop, float] = WeakKeyDictionary()
        self._subscriptions: dict[str, SubscriptionState] = {}
        self._numbers = count(1)
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def now(self) -> float:
        """Return the seconds since the beginning.

        They pass by the clock of the running loop, which may be virtual; another loop continues from there. Without a
        running loop they stand still.
        """
        with suppress(RuntimeError):
            loop = asyncio.get_running_loop()
            now = loop.time() + self._offsets.setdefault(loop, self._latest - loop.time())
            self._latest = max(self._latest, now)
        return self._latest

    @property
    def oldest(self) -> int:
        """The number of the oldest kept event; if there is none, of the next one."""
        return next(iter(self.kept), self.newest + 1)

    def append(self, *contents: bytes) -> None:
        """Append events, with no others between them."""
        with self.lock:
            for content in contents:
                self.newest = next(self._numbers)
                self.kept[self.newest] = Kept(content, self.now())
        self.wake()

    def remove(self, key: Hashable) -> None:
        """Remove one entry, whether it was acknowledged or not."""
        with self.lock:
            self._forget([key])
        self.wake()

    def trim(self, length: int) -> None:
        """Remove all events but the newest, whether they were acknowledged or not."""
        with self.lock:
            self._forget(list(self.kept)[: max(0, len(self.kept) - length)])
        self.wake()

    def lose(self, subscription: str) -> None:
        """Lose the place of a subscription, and its pending entries."""
        with self.lock:
            self.of(subscription).place = None
        self.wake()

    def fork(self) -> Callable[[], None]:
        """Remember the events and places as they are now; return a function that restores them, as a failover may."""
        with self.lock:
            kept, newest = dict(self.kept), self.newest
            known = {name: deepcopy((one.place, one.records)) for name, one in self._subscriptions.items()}

        def restore() -> None:
            with self.lock:
                self.kept, self.newest, self._numbers = dict(kept), newest, count(newest + 1)
                for name, (place, records) in deepcopy(known).items():
                    self.of(name).place, self.of(name).records = place, records
                    self.of(name).releases += 1
                self.history += 1
            self.wake()

        return restore

    def of(self, subscription: str) -> SubscriptionState:
        """Return the state of a subscription."""
        return self._subscriptions.setdefault(subscription, SubscriptionState())

    @property
    def subscriptions(self) -> Mapping[str, SubscriptionState]:
        """The states of all subscriptions that anybody has asked for."""
        return self._subscriptions

    def add_letter(
        self,
        subscription: str,
        content: bytes,
        failures: tuple[FailedAttempt, ...],
        entry: str,
        redriven: Redriven | None = None,
    ) -> str:
        """Make a dead letter; return its id. The caller holds the lock."""
        id_ = f"letter-{len(self.letter_numbers) + 1}"
        self.keep_letter(DeadLetter(id_, subscription, content, failures, entry, redriven=redriven))
        return id_

    def keep_letter(self, letter: DeadLetter) -> None:
        """Add a dead letter, as the newest."""
        self.letter_numbers[letter.id] = len(self.letter_numbers) + 1
        self.letters[letter.id] = letter

    def redrive(self, letter: DeadLetter, by: ChangedBy) -> bool:
        """Redrive the event of a letter; return whether the letter was there."""
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
        """Wake all waiting readers. It may be called from any thread."""
        for event, loop in list(self._waiting.items()):
            with suppress(RuntimeError):  # a loop that was closed
                loop.call_soon_threadsafe(event.set)

    @contextmanager
    def waiting(self) -> Iterator[asyncio.Event]:
        """Yield an asyncio event that is set when there may be something new."""
        event = asyncio.Event()
        self._waiting[event] = asyncio.get_running_loop()
        try:
            yield event
        finally:
            del self._waiting[event]

    def redriven(self) -> dict[str, list[bytes]]:
        """Return the redriven events that are not acknowledged, by subscription."""
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
