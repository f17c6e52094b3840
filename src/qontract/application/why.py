"""Use case: why an event was, or was not, delivered: its passport, read from the stores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from qontract.application.event_search import MOST_LOOKED_AT, Search, Wanted
from qontract.application.ports.dead_letters import DeadLetters, DeadLettersError
from qontract.application.ports.delivery_states import DeliveryStates, DeliveryStatesError
from qontract.application.ports.event_format import EventFormat
from qontract.application.ports.event_spool import EventSpool, EventSpoolError
from qontract.application.ports.intents import Intents, IntentsError
from qontract.application.ports.kept_events import KeptEvents, KeptEventsError, Span
from qontract.application.ports.subscriptions import Subscriptions
from qontract.domain.dead_letters import DeadLetter, Discarded, Redriven
from qontract.domain.delivery_states import DeliveryState, Held
from qontract.domain.events import DomainEvent
from qontract.domain.findings import counted
from qontract.domain.kept_events import KeptEvent
from qontract.domain.passport import Before, Facts, Fate, Finding, Passport, Verdict
from qontract.domain.subscriptions import SubscriptionView
from qontract.domain.verdicts import finding

_MOST_LETTERS = 50_000
_MOST_SPOOLED = 10_000


@dataclass(frozen=True)
class Stores:
    """Where it is looked. `spool` and `intents` are those of this deployment, the spool of this `machine` alone."""

    kept: KeptEvents
    subscriptions: Subscriptions
    states: DeliveryStates
    letters: DeadLetters
    event_format: EventFormat
    spool: EventSpool | None = None
    intents: Intents | None = None
    machine: str = "this machine"


class Why:
    """Says why. `most`: how many events are looked at to find one by its id."""

    def __init__(
        self,
        stores: Stores,
        *,
        most: int = MOST_LOOKED_AT,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._stores = stores
        self._most = most
        self._now = now

    @property
    def kept(self) -> KeptEvents:
        """The events that are kept."""
        return self._stores.kept

    def event(self, name: str, source: str | None = None) -> Passport | None:
        """Return the passport of an event, by its entry or its own id; None if nothing is known of it.

        One that is not in the log may wait for it: in the spool, or as an intent. Raises KeptEventsError and
        SubscriptionsError: without these stores nothing can be said.
        """
        if passport := self.at_once(name, source):
            return passport
        wanted = Wanted(event_id=name, source=source)
        search = Search(self.kept, wanted, Span(newest_first=True), limit=1, most=self._most)
        found = next(iter(search), None)
        if found:
            return self.of(found)
        more = [f"only the newest {counted(search.looked_at, 'event')} were looked at"] if search.next else []
        return self.elsewhere(name, source, more)

    def at_once(self, name: str, source: str | None = None) -> Passport | None:
        """Return the passport of an event that is found without a search; see `event`."""
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

    def of(self, event: KeptEvent) -> Passport:
        """Return the passport of a kept event; see `event`."""
        return self._published(event, event.entry, [])

    def elsewhere(self, name: str, source: str | None = None, missing: Sequence[str] = ()) -> Passport | None:
        """Return the passport of an event that is not in the log, or not any more; see `event`."""
        return self._unpublished(name, source, [*missing]) or self._gone(name, [*missing])

    def _published(self, event: KeptEvent | None, entry: str, missing: list[str]) -> Passport:
        views = self._stores.subscriptions.all()
        findings = self._findings(views, event, entry, missing)
        reason = f"as entry {entry}"
        reason += f", at {event.kept:%Y-%m-%d %H:%M:%S} UTC" if event else "; it is in the log no more"
        return Passport(Fate.PUBLISHED, reason, event, entry, None, tuple(findings), tuple(missing))

    def _gone(self, entry: str, missing: list[str]) -> Passport | None:
        """Return what is known of an entry that is in the log no more, if anything is."""
        views = self._stores.subscriptions.all()
        findings = self._findings(views, None, entry, missing)
        later = Verdict.SUBSCRIBED_LATER
        if any(one.verdict.waits or (one.details.get("when") and one.verdict is not later) for one in findings):
            reason = f"as entry {entry}; it is in the log no more"
            return Passport(Fate.PUBLISHED, reason, None, entry, None, tuple(findings), tuple(missing))
        return None

    def _findings(
        self, views: Sequence[SubscriptionView], event: KeptEvent | None, entry: str, missing: list[str]
    ) -> list[Finding]:
        states = [self._state(view, entry) for view in views]  # before the letters: what dies meanwhile is one
        letters = self._letters(entry, missing)
        findings = []
        for view, state in zip(views, states, strict=True):
            if isinstance(state, str):
                following = f"qontract subscriptions show {view.name}"
                reason = "it could not be read"
                findings.append(Finding(view.name, Verdict.UNKNOWN, reason, following, missing=(state,)))
                continue
            letter = letters.get(view.name)
            redriven, discarded = self._marks(view.name, entry, missing)
            kind = event.type if event else letter.type if letter else None
            before = self._before(event, state) if event else None
            whole = replace(state, missing=(*state.missing, *missing))  # what is not read of all is not of this one
            found = finding(Facts(self._now(), kind, view, whole, before, letter, redriven, discarded))
            findings.append(replace(found, missing=state.missing))
        return findings

    def _state(self, view: SubscriptionView, entry: str) -> DeliveryState | str:
        try:
            return self._stores.states.state(view.name, entry)
        except DeliveryStatesError as error:
            return str(error)

    def _letters(self, entry: str, missing: list[str]) -> dict[str, DeadLetter]:
        """Return the dead letters that are of this entry, by subscription."""
        found: dict[str, DeadLetter] = {}
        try:
            for number, letter in enumerate(self._stores.letters.iterate()):
                if number >= _MOST_LETTERS:
                    missing.append(f"dead letters: only the oldest {number} were looked at")
                    break
                if letter.entry == entry:
                    found[letter.subscription] = letter
        except DeadLettersError as error:
            missing.append(f"dead letters: {error}")
        return found

    def _marks(self, name: str, entry: str, missing: list[str]) -> tuple[Redriven | None, Discarded | None]:
        letters = self._stores.letters
        try:
            return letters.redriven(name, entry), letters.discarded(name, entry)
        except DeadLettersError as error:
            missing.append(f"redriven: {error}")
            return None, None

    def _before(self, event: KeptEvent, state: DeliveryState) -> Before | None:
        """Return the first event of the same order key that is not acknowledged, if it is not this one."""
        key = self._order_key(event)
        for held in state.ahead if key else ():
            other = self._kept(held)
            if other and self._order_key(other) == key:
                return Before(held, other.id)
        return None

    def _kept(self, held: Held) -> KeptEvent | None:
        try:
            return self._stores.kept.get(held.entry)
        except KeptEventsError:
            return None

    def _order_key(self, event: KeptEvent) -> str | None:
        try:
            return self._stores.event_format.decode(event.content).order_key
        except ValueError:
            return None

    def _unpublished(self, name: str, source: str | None, missing: list[str]) -> Passport | None:
        """Look among what waits to be published."""
        stores = self._stores

        def is_it(event: DomainEvent) -> bool:
            return event.id == name and (source is None or event.source in (None, source))

        try:
            spooled = next(filter(is_it, stores.spool.oldest(_MOST_SPOOLED)), None) if stores.spool else None
            if spooled:
                where = f"{stores.machine}; Redis did not take it, and a worker there sends it later"
                event = self._as_kept(spooled)
                return Passport(Fate.SPOOLED_ON, where, event, "", "qontract events flush", missing=tuple(missing))
        except EventSpoolError as error:
            missing.append(f"spool: {error}")
        for place in (stores.intents, stores.spool):
            try:
                for scope, intents in place.pending().items() if place else ():
                    if intent := next(filter(is_it, intents), None):
                        reason = (
                            f"its action, in {scope}, is at work or in doubt: the next job there, or a worker's "
                            "recovery, finds out whether it was applied"
                        )
                        event = self._as_kept(intent)
                        following = "start a worker, if none runs: `intents not resolved yet` in its log says why not"
                        return Passport(Fate.INTENT_PENDING, reason, event, "", following, missing=tuple(missing))
            except IntentsError as error:
                missing.append(f"intents: {error}")
        return None

    def _as_kept(self, event: DomainEvent) -> KeptEvent:
        return KeptEvent("", event.time, self._stores.event_format.encode(event))
