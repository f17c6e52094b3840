"""What a use case gives its events to."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from qontract.application import tracing
from qontract.application.ports.event_publisher import EventPublisher, EventPublisherError
from qontract.application.ports.event_spool import EventSpool, EventSpoolError
from qontract.application.ports.intents import Intents, IntentsError, by_scope
from qontract.domain.events import DomainEvent
from qontract.domain.processes import Spooled

log = logging.getLogger(__name__)

BATCH = 100
"""How many spooled events are sent at once."""


class EventManager:
    """Publishes for producers that must not fail because of it: publishing never raises, and never blocks for long.

    What the `publisher` does not take waits in the `spool`, and is sent before anything newer. `intents` are on record
    there, or in the spool while they cannot be. Without a spool, an event that is not taken is lost, and logged whole.
    What is published, and not on as many replicas as it has to be, waits in the spool `unreplicated` until it is.
    `count_not_published` is given how many new events were not taken: each counts once, also if it is republished.
    """

    def __init__(
        self,
        publisher: EventPublisher,
        *,
        spool: EventSpool | None = None,
        unreplicated: EventSpool | None = None,
        intents: Intents | None = None,
        count_not_published: Callable[[int], None] = lambda _: None,
        before_resolving: Callable[[], object] = lambda: None,
    ) -> None:
        self._publisher = publisher
        self._before_resolving = before_resolving
        self._count_not_published = count_not_published
        self._spool = spool
        self._unreplicated = unreplicated
        self._records: list[Intents] = [place for place in (intents, spool) if place is not None]
        self._recorded_in_spool: set[str] = set()
        self._failing: set[str] = set()

    @property
    def behind(self) -> bool:
        """Whether events wait in the spool, as far as this process knows: newer ones have to come after them."""
        return "publishing" in self._failing

    def publish_event(self, event: DomainEvent) -> bool:
        """Publish one event; say whether it is published or spooled."""
        return self.publish_events([event])

    def publish_events(self, events: Sequence[DomainEvent]) -> bool:
        """Publish the events of a task together, in order, and resolve their intents in the same step.

        Say whether they are published or spooled; if not, the log has them.
        """
        return self._publish_or_spool([tracing.with_creation_span(event) for event in events])

    def flush(self) -> int:
        """Send all that is spooled, oldest first, and say how many. Raises EventPublisherError or EventSpoolError."""
        count = self._flush(self._spool) + self._flush(self._unreplicated)
        if count:
            log.info("spooled events republished", extra={"count": count})
            self._report("publishing", None)
        return count

    def _flush(self, spool: EventSpool | None) -> int:
        count = 0
        while spool and (older := spool.oldest(BATCH)):
            count += self._send(older, spooled=spool is self._unreplicated)
            spool.remove(older)
        return count

    def intend(self, scope: str, event: DomainEvent) -> bool:
        """Put on record that the action of this event is about to be applied.

        False: no place could take it. The action is then better left: its event might be lost.
        """
        recorded = not self._records
        for place in self._records:
            try:
                place.record(scope, event)
            except IntentsError as error:
                recorded = recorded or error.unreplicated
                self._report("replicating" if error.unreplicated else "publishing", error)
                continue
            if place is self._spool:
                self._recorded_in_spool.add(event.id)
            return True
        return recorded

    def spooled(self) -> Spooled | None:
        """Say how much waits in the spools; None if there is none. Raises EventSpoolError."""
        waiting = [spool.waiting() for spool in (self._spool, self._unreplicated) if spool]
        if not waiting:
            return None
        return Spooled(
            sum(one.events for one in waiting),
            max(one.oldest_seconds for one in waiting),
            sum(one.bytes for one in waiting),
        )

    def pending(self) -> Mapping[str, Sequence[DomainEvent]]:
        """Return the events of actions that were perhaps applied, by scope, oldest first.

        A spool that cannot be read is left out. Raises IntentsError if the intents cannot be. A server that fell back
        has intents again that were resolved: `before_resolving` publishes what this process remembers of them, and what
        waits for replicas is sent again.
        """
        found = self._pending()
        if found:
            self._before_resolving()
            with suppress(EventPublisherError, EventSpoolError):
                self._flush(self._unreplicated)
            found = self._pending()
        return found

    def _pending(self) -> Mapping[str, Sequence[DomainEvent]]:
        found: dict[str, tuple[str, DomainEvent]] = {}
        for place in reversed(self._records):  # the spool first: it can be looked at also while Redis is away
            try:
                pending = place.pending()
            except EventSpoolError as error:
                self._report("reading the spool", error)
                continue
            found |= {event.id: (scope, event) for scope, events in pending.items() for event in events}
        return by_scope(found.values())

    def resolve(
        self,
        applied: Sequence[DomainEvent],
        not_applied: Sequence[DomainEvent],
        *,
        events: Sequence[DomainEvent] | None = None,
    ) -> None:
        """Publish the pending events whose actions were applied, and forget the others. Raises IntentsError.

        An event that can be neither published nor spooled stays pending. `events` are published in place of `applied`.
        """
        if applied and not self._publish_or_spool(applied if events is None else events):
            applied = ()
        for place in self._records:
            for pending, were_applied in ((applied, True), (not_applied, False)):
                if pending:
                    place.resolve(pending, applied=were_applied)

    def _publish_or_spool(self, events: Sequence[DomainEvent]) -> bool:
        """Publish or spool the events. Say whether that is done; if not, they are in the log."""
        try:
            self._publish(events)
        except Exception as error:  # noqa: BLE001 - whatever a publisher raises
            return self._spool_or_log(events, error)
        self._report("publishing", None)
        return True

    def _publish(self, events: Sequence[DomainEvent]) -> None:
        spool = self._spool
        if spool and (older := self._waiting(spool)):
            self._send(older)
            if self._removed(spool, older) and len(older) == BATCH:
                raise EventPublisherError("older events are to be sent first")
        self._count_not_published(len(events) - self._send(events))
        if spool and self._recorded_in_spool:
            self._removed(spool, [event for event in events if event.id in self._recorded_in_spool])

    def _waiting(self, spool: EventSpool) -> Sequence[DomainEvent]:
        try:
            waiting = spool.oldest(BATCH)
        except EventSpoolError as error:
            self._report("reading the spool", error)
            return ()
        self._report("reading the spool", None)
        return waiting

    def _send(self, events: Sequence[DomainEvent], *, spooled: bool = False) -> int:
        """Publish, and say how many: one that the publisher refuses does not keep back the others.

        Those that replicas lack are spooled, unless they are `spooled` there already: that raises EventPublisherError.
        """
        try:
            self._publisher.publish(events)
        except EventPublisherError as error:
            if error.unreplicated and not spooled:
                return self._spool_unreplicated(events, error)
            if not error.refused:
                raise
            if len(events) == 1:
                log.error("event refused", extra={"events": _whole(events), "error": str(error)})  # noqa: TRY400
                return 0
            return sum(self._send([event], spooled=spooled) for event in events)
        self._report("replicating", None)
        return len(events)

    def _spool_unreplicated(self, events: Sequence[DomainEvent], error: EventPublisherError) -> int:
        self._report("replicating", error)
        try:
            if self._unreplicated:
                self._unreplicated.append(events)
        except EventSpoolError as full:  # they are published all the same
            self._report("writing the spool", full)
        return len(events)

    def _removed(self, spool: EventSpool, events: Sequence[DomainEvent]) -> bool:
        """Take from the spool what was sent, if that can be done. What stays is sent again, which changes nothing."""
        try:
            spool.remove(events)
        except EventSpoolError as error:
            self._report("writing the spool", error)
            return False
        self._report("writing the spool", None)
        self._recorded_in_spool.difference_update(event.id for event in events)
        return True

    def _spool_or_log(self, events: Sequence[DomainEvent], error: Exception) -> bool:
        """Spool what was not published, and say whether it is; failing that, the log is the last place that has it."""
        self._count_not_published(len(events))
        problem = "there is none"
        if self._spool:
            try:
                self._spool.append(events)
            except EventSpoolError as full:
                problem = str(full)
            else:
                self._recorded_in_spool.difference_update(event.id for event in events)
                self._report("publishing", error)
                return True
        unexpected = None if isinstance(error, EventPublisherError) else error
        reasons = {"error": str(error), "spool": problem}
        log.error("events not published", extra={"events": _whole(events), **reasons}, exc_info=unexpected)
        return False

    def _report(self, what: str, error: Exception | None) -> None:
        """Log when something begins to fail, and when that is over; not each time."""
        if error and what not in self._failing:
            self._failing.add(what)
            expected = isinstance(error, EventPublisherError | IntentsError)
            log.error("%s fails", what, extra={"error": str(error)}, exc_info=None if expected else error)
        elif not error and what in self._failing:
            self._failing.discard(what)
            log.info("%s works again", what)


def _whole(events: Collection[DomainEvent]) -> list[dict[str, object]]:
    return [event.model_dump(mode="json") for event in events]
