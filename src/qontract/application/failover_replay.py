"""The window: events that were published a moment ago. The server may still lose them.

A replica that becomes the primary may lack the latest changes, and a restarted server may lack the end of its file:
event, intent and mark together, so that nobody notices. But the history of the server's data is then another one. So
the events in the window are published again; those that were not lost do not change.
"""

import logging
import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock, Thread
from time import monotonic, sleep
from weakref import ref

from qontract.application.ports.event_publisher import EventPublisher, EventPublisherError
from qontract.application.ports.event_sender import EncodedEvent, EventSender
from qontract.application.ports.replication_history import ReplicationHistory, ReplicationHistoryError
from qontract.domain.events import DomainEvent
from qontract.domain.replication_position import ReplicationPosition

log = logging.getLogger(__name__)

CHECK_SECONDS = 5.0
"""The time between two checks of the history, while the window is not empty."""

KEPT_SECONDS = 60.0
"""After so long, the server has an event on its disk, and so has every replica that may become the primary."""

MAX_EVENTS = 10_000
MAX_BYTES = 2**24

BATCH = 100
"""How many events are published again at once."""

_UNKNOWN = 0
_ELSEWHERE = -1
"""The number of a history that is not the known one: of a server that was perhaps replaced."""


@dataclass(slots=True)
class _Published:
    """A sent event, the number of the history that was known before, and when it was published."""

    event: EncodedEvent
    history: int
    at: float


def watch(window: "FailoverReplay") -> None:
    """Check the window every few seconds on a thread, until it is empty, or nobody uses it any more."""
    Thread(target=_watch, args=(ref(window),), name="failover-replay", daemon=True).start()


def _watch(found: "ref[FailoverReplay]") -> None:
    going_on = True
    while going_on:
        sleep(CHECK_SECONDS)
        window = found()
        going_on = window is not None and window.check_history()
        del window


class FailoverReplay(EventPublisher):
    """Publishes with `sender`, and remembers the events until the `server` has certainly stored them.

    An event is forgotten if the server still has the same history a minute after it was published. If the history is
    another one, all events of the old history are published again, in order, until that succeeds. Each process
    remembers at most `max_events` and `max_bytes`: beyond that, the oldest are forgotten.

    `watch` has to call `check_history` every few seconds until it returns False. `count_again` gets how many events
    were published again because their history was another one, and `count_forgotten` how many were forgotten too early.
    """

    def __init__(
        self,
        sender: EventSender,
        server: ReplicationHistory,
        *,
        max_events: int = MAX_EVENTS,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = monotonic,
        watch: Callable[["FailoverReplay"], None] = watch,
        count_again: Callable[[int], None] = lambda _: None,
        count_forgotten: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._sender = sender
        self._server = server
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._clock = clock
        self._watch = watch
        self._count_again = count_again
        self._count_forgotten = count_forgotten
        self._begin()

    def _begin(self) -> None:
        """Begin in this process, with nothing of the one that it was forked from: neither its events nor its thread."""
        self._pid = os.getpid()
        self._asking = Lock()
        self._lock = Lock()  # nobody holds it for long: an event loop may wait for it
        self._events: deque[_Published] = deque()
        self._bytes = 0
        self._known: ReplicationPosition | None = None
        self._number = _UNKNOWN
        self._asked = self._watched = self._overflowed = self._failing = False

    def publish(self, events: Sequence[DomainEvent]) -> None:
        """Publish the events, and remember them."""
        if not events:
            return
        if self._pid != os.getpid():
            self._begin()
        if not self._asked:
            self._ask_first()
        encoded = self._sender.encode(events)
        history = self._number  # before they go out: what is known later may be of another server
        try:
            self._sender.send(encoded)
        except EventPublisherError as error:
            if error.unreplicated:
                self._remember(encoded, history)
            raise
        self._remember(encoded, history)

    def remember(self, events: Sequence[EncodedEvent], replication_id: str) -> None:
        """Remember events that others published, on a server whose history of replication is this one.

        Their connection may lead to a server that was replaced: if it is not the known one, `check_history` publishes
        the events again. It may be called on an event loop.
        """
        if self._pid != os.getpid():
            self._begin()
        with self._lock:
            history = self._number
            if self._known and self._known.replication_id != replication_id:
                history = _ELSEWHERE
        self._remember(events, history)

    def check_history(self) -> bool:
        """Read the history; forget events, or publish them again. Return whether to check again. It never raises."""
        try:
            self._check()
        except ReplicationHistoryError as error:
            log.debug("history of Redis cannot be read; it is read again", extra={"error": str(error)})
        except Exception:
            log.exception("history check broke off; it is made again")
        with self._lock:
            self._watched = bool(self._events)
            return self._watched

    def _ask_first(self) -> None:
        with self._asking:
            if not self._asked:
                try:
                    found = self._server.read()
                except ReplicationHistoryError as error:  # what is published now is published again when it can be read
                    log.debug("history of Redis cannot be read; it is read again", extra={"error": str(error)})
                else:
                    with self._lock:
                        self._know(found)
                self._asked = True

    def _know(self, found: ReplicationPosition) -> None:
        if self._known is None or not found.continues(self._known):
            self._number += 1
        self._known = found

    def _remember(self, events: Sequence[EncodedEvent], history: int) -> None:
        now, forgotten = self._clock(), 0
        with self._lock:
            for event in events:
                self._events.append(_Published(event, history, now))
                self._bytes += len(event.content)
            while len(self._events) > self._max_events or self._bytes > self._max_bytes:
                self._bytes -= len(self._events.popleft().event.content)
                forgotten += 1
            begins, self._watched = not self._watched, True
        if forgotten:
            self._forgot_too_early(forgotten)
        if begins:
            self._begin_watching()

    def _forgot_too_early(self, count: int) -> None:
        self._count_forgotten(count)
        if not self._overflowed:
            self._overflowed = True
            bounds = {"max_events": self._max_events, "max_bytes": self._max_bytes}
            log.warning("window of published events is full; the oldest are forgotten", extra=bounds)

    def _begin_watching(self) -> None:
        try:
            self._watch(self)
        except RuntimeError as error:  # the process ends, or may have no more threads: the next event tries again
            self._watched = False
            log.debug("published events are not watched", extra={"error": str(error)})

    def _check(self) -> None:
        found = self._server.read()  # from here on, events go to the server that has this history
        with self._lock:
            self._know(found)
            number = self._number
            lacking = [event for event in self._events if event.history != number]
        self._publish_again(lacking, number)
        due = self._clock() - KEPT_SECONDS
        with self._lock:
            self._events = deque(one for one in self._events if one.at > due or one.history != number)
            self._bytes = sum(len(one.event.content) for one in self._events)

    def _publish_again(self, lacking: Sequence[_Published], number: int) -> None:
        """Publish the events again, in order. The first failure leaves the rest to the next check."""
        lost = 0
        error: EventPublisherError | None = None
        for first in range(0, len(lacking), BATCH):
            batch = lacking[first : first + BATCH]
            try:
                self._sender.send([one.event for one in batch])
            except EventPublisherError as failure:
                if not failure.unreplicated:  # a new primary has no replica yet, and the events are remembered anew
                    error = failure
                    break
            lost += sum(one.history != _UNKNOWN for one in batch)
            with self._lock:
                for one in batch:
                    one.history, one.at = number, self._clock()
        self._count_again(lost)
        if lost:
            log.warning("events published again; Redis has another history", extra={"count": lost})
        if error and not self._failing:
            log.warning("events cannot be published again; it is tried again", extra={"error": str(error)})
        self._failing = error is not None
