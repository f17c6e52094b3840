"""Use case: why an event was delivered, or was not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from qontract.application.inspection.event_search import MAX_SCANNED, EventFilter, Search
from qontract.application.ports.dead_letters import DeadLetters, DeadLettersError
from qontract.application.ports.delivery_states import DeliveryStates, DeliveryStatesError
from qontract.application.ports.event_format import EventFormat
from qontract.application.ports.event_spool import EventSpool, EventSpoolError
from qontract.application.ports.intents import Intents, IntentsError
from qontract.application.ports.kept_events import KeptEvents, KeptEventsError, Span
from qontract.application.ports.subscriptions import Subscriptions
from qontract.domain.dead_letters import DeadLetter, Discarded, Redriven
from qontract.domain.delivery_states import DeliveryState, PendingEntry
from qontract.domain.delivery_verdicts import explain_delivery
from qontract.domain.events import DomainEvent
from qontract.domain.explanations import (
    DeliveryFacts,
    EventExplanation,
    EventStatus,
    Predecessor,
    SubscriptionFinding,
    Verdict,
)
from qontract.domain.health_findings import count_of
from qontract.domain.kept_events import KeptEvent
from qontract.domain.subscriptions import SubscriptionView

_MAX_LETTERS = 50_000
_MAX_SPOOLED = 10_000


@dataclass(frozen=True)
class Stores:
    """The stores that are read. `spool` and `intents` are those of this deployment; the spool is of this `machine`."""

    kept: KeptEvents
    subscriptions: Subscriptions
    states: DeliveryStates
    letters: DeadLetters
    event_format: EventFormat
    spool: EventSpool | None = None
    intents: Intents | None = None
    machine: str = "this machine"


class EventExplanations:
    """Explains events from what is in the stores. A search for an event by its id looks at `most` events."""

    def __init__(
        self,
        stores: Stores,
        *,
        most: int = MAX_SCANNED,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._stores = stores
        self._most = most
        self._now = now

    @property
    def kept(self) -> KeptEvents:
        """The store of the kept events."""
        return self._stores.kept

    def event(self, name: str, source: str | None = None) -> EventExplanation | None:
        """Return the explanation of the event with this entry or id; None if nothing is known of it.

        An event that is not in the log may still be in the spool, or be an intent. Raises KeptEventsError and
        SubscriptionsError: without these stores there is no explanation.
        """
        if explanation := self.without_search(name, source):
            return explanation
        wanted = EventFilter(event_id=name, source=source)
        search = Search(self.kept, wanted, Span(newest_first=True), limit=1, most=self._most)
        found = next(iter(search), None)
        if found:
            return self.of(found)
        more = [f"only the newest {count_of(search.scanned, 'event')} were looked at"] if search.next else []
        return self.outside_log(name, source, more)

    def without_search(self, name: str, source: str | None = None) -> EventExplanation | None:
        """Return the explanation of an event that can be found without a search of the log; see `event`."""
        if (found := self.kept.get(name)) and source in (None, found.source):
            return self.of(found)
        try:
            letter = self._stores.letters.get(name)
        except DeadLettersError:
            letter = None
        if letter and source is None and letter.entry:
            return self._published(self.kept.get(letter.entry), letter.entry, [])
        try:
            entry = self._stores.states.entry_of(name, source)
        except DeliveryStatesError:  # the search finds it
            return None
        return self._published(self.kept.get(entry), entry, []) if entry else None

    def of(self, event: KeptEvent) -> EventExplanation:
        """Return the explanation of a kept event; see `event`."""
        return self._published(event, event.entry, [])

    def outside_log(self, name: str, source: str | None = None, missing: Sequence[str] = ()) -> EventExplanation | None:
        """Return the explanation of an event that is not in the log yet, or not any more; see `event`."""
        return self._unpublished(name, source, [*missing]) or self._gone(name, [*missing])

    def _published(self, event: KeptEvent | None, entry: str, missing: list[str]) -> EventExplanation:
        views = self._stores.subscriptions.all()
        findings = self._findings(views, event, entry, missing)
        reason = f"as entry {entry}"
        reason += f", at {event.kept:%Y-%m-%d %H:%M:%S} UTC" if event else "; it is in the log no more"
        return EventExplanation(EventStatus.PUBLISHED, reason, event, entry, None, tuple(findings), tuple(missing))

    def _gone(self, entry: str, missing: list[str]) -> EventExplanation | None:
        """Return what the subscriptions still know of an entry that the log has no more."""
        views = self._stores.subscriptions.all()
        findings = self._findings(views, None, entry, missing)
        later = Verdict.SUBSCRIBED_LATER
        if any(one.verdict.waits or (one.details.get("when") and one.verdict is not later) for one in findings):
            reason = f"as entry {entry}; it is in the log no more"
            return EventExplanation(EventStatus.PUBLISHED, reason, None, entry, None, tuple(findings), tuple(missing))
        return None

    def _findings(
        self, views: Sequence[SubscriptionView], event: KeptEvent | None, entry: str, missing: list[str]
    ) -> list[SubscriptionFinding]:
        states = [
            self._state(view, entry) for view in views
        ]  # before the letters: an event that dies between the two reads has one
        letters = self._letters(entry, missing)
        findings = []
        for view, state in zip(views, states, strict=True):
            if isinstance(state, str):
                following = f"qontract subscriptions show {view.name}"
                reason = "it could not be read"
                findings.append(SubscriptionFinding(view.name, Verdict.UNKNOWN, reason, following, missing=(state,)))
                continue
            letter = letters.get(view.name)
            redriven, discarded = self._last_changes(view.name, entry, missing)
            kind = event.type if event else letter.type if letter else None
            predecessor = self._predecessor(event, state) if event else None
            whole = replace(state, missing=(*state.missing, *missing))
            found = explain_delivery(
                DeliveryFacts(self._now(), kind, view, whole, predecessor, letter, redriven, discarded)
            )
            findings.append(replace(found, missing=state.missing))
        return findings

    def _state(self, view: SubscriptionView, entry: str) -> DeliveryState | str:
        try:
            return self._stores.states.state(view.name, entry)
        except DeliveryStatesError as error:
            return str(error)

    def _letters(self, entry: str, missing: list[str]) -> dict[str, DeadLetter]:
        """Return the dead letters of this entry, by subscription."""
        found: dict[str, DeadLetter] = {}
        try:
            for number, letter in enumerate(self._stores.letters.iterate()):
                if number >= _MAX_LETTERS:
                    missing.append(f"dead letters: only the oldest {number} were looked at")
                    break
                if letter.entry == entry:
                    found[letter.subscription] = letter
        except DeadLettersError as error:
            missing.append(f"dead letters: {error}")
        return found

    def _last_changes(self, name: str, entry: str, missing: list[str]) -> tuple[Redriven | None, Discarded | None]:
        letters = self._stores.letters
        try:
            return letters.redriven(name, entry), letters.discarded(name, entry)
        except DeadLettersError as error:
            missing.append(f"redriven: {error}")
            return None, None

    def _predecessor(self, event: KeptEvent, state: DeliveryState) -> Predecessor | None:
        """Return the first event of the same order key that is not acknowledged, if it is another one."""
        key = self._order_key(event)
        for pending in state.ahead if key else ():
            other = self._kept(pending)
            if other and self._order_key(other) == key:
                return Predecessor(pending, other.id)
        return None

    def _kept(self, pending: PendingEntry) -> KeptEvent | None:
        try:
            return self._stores.kept.get(pending.entry)
        except KeptEventsError:
            return None

    def _order_key(self, event: KeptEvent) -> str | None:
        try:
            return self._stores.event_format.decode(event.content).order_key
        except ValueError:
            return None

    def _unpublished(self, name: str, source: str | None, missing: list[str]) -> EventExplanation | None:
        """Look for the event among those that are not published yet: spooled ones, and intents."""

        def is_it(event: DomainEvent) -> bool:
            return event.id == name and (source is None or event.source in (None, source))

        stores = self._stores
        if found := self._spooled(is_it, missing):
            where = f"{stores.machine}; Redis did not take it, and a worker there sends it later"
            return self._waiting(EventStatus.SPOOLED_ON, where, found, "qontract events flush", missing)
        for intents in filter(None, (stores.intents, stores.spool)):
            try:
                pending = [(scope, event) for scope, events in intents.pending().items() for event in events]
            except IntentsError as error:
                missing.append(f"intents: {error}")
                continue
            for scope, event in pending:
                if is_it(event):
                    reason = (
                        f"its action, in {scope}, is at work or in doubt: the next job there, or a worker's "
                        "recovery, finds out whether it was applied"
                    )
                    following = "start a worker, if none runs: `intents not resolved yet` in its log says why not"
                    return self._waiting(EventStatus.INTENT_PENDING, reason, event, following, missing)
        return None

    def _spooled(self, is_it: Callable[[DomainEvent], bool], missing: list[str]) -> DomainEvent | None:
        try:
            spooled = self._stores.spool.oldest(_MAX_SPOOLED) if self._stores.spool else ()
        except EventSpoolError as error:
            missing.append(f"spool: {error}")
            return None
        return next(filter(is_it, spooled), None)

    def _waiting(
        self, status: EventStatus, reason: str, event: DomainEvent, following: str, missing: list[str]
    ) -> EventExplanation:
        waiting = KeptEvent("", event.time, self._stores.event_format.encode(event))
        return EventExplanation(status, reason, waiting, "", following, missing=tuple(missing))
