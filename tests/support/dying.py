"""A subscription in memory whose events die, and can be redriven."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from qontract.adapters.memory import (
    InMemoryDeadLetters,
    InMemoryEventPublisher,
    InMemoryEventStore,
    InMemoryRedriveRuns,
    InMemorySubscriptions,
)
from qontract.application.control.dead_letter_changes import LetterChanges
from qontract.application.control.group_redrive import GroupRedrive, RedriveProgress, group_of
from qontract.application.control.subscriptions import SubscriptionControl
from qontract.application.event_manager import EventManager
from qontract.application.ports.event_handler import Delivery, EventHandler, Policy
from qontract.domain.dead_letters import LetterGroup
from qontract.domain.events import DomainEvent
from qontract.testing import InMemorySubscriber
from tests.support.delivering import an_event, number_of

NAME = "crm"


class Crm(EventHandler):
    """Fails for some numbers with one cause, and for some with another."""

    types = ("qontract-api.test.*",)
    policy = Policy(max_attempts=2, backoff=1)

    def __init__(self) -> None:
        self.broken: set[int] = set()
        self.odd: set[int] = set()
        self.handled: list[int] = []

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        number = number_of(event)
        if number in self.broken:
            raise ValueError(f"no place for {event.id}")
        if number in self.odd:
            raise KeyError(number)
        self.handled.append(number)


@dataclass
class Site:
    """The subscription, what can be done with its letters, and the clock, which passes when somebody sleeps."""

    crm: Crm
    subscriber: InMemorySubscriber
    dead_letters: InMemoryDeadLetters
    events: InMemoryEventStore
    control: SubscriptionControl
    publisher: InMemoryEventPublisher
    reports: list[RedriveProgress] = field(default_factory=list)
    clock: float = 0.0
    working: bool = True

    @property
    def runs(self) -> InMemoryRedriveRuns:
        return InMemoryRedriveRuns(self.events)

    def changes(self, by: str = "alice") -> LetterChanges:
        return LetterChanges(self.dead_letters, EventManager(self.publisher), by=by)

    def group(self, *, of: int = 0) -> LetterGroup:
        """Return the group of the letter of this number."""
        [wanted] = [letter for letter in self.dead_letters.iterate() if letter.subject == f"person-{of}"]
        group = group_of(self.dead_letters.iterate(), wanted.group)
        assert group
        return group

    def redrive(self, group: LetterGroup, by: str = "alice") -> GroupRedrive:
        return GroupRedrive(self.dead_letters, self.runs, self.changes(by), group)

    def sleep(self, seconds: float) -> None:
        """Let time pass, and the handler work."""
        self.clock += seconds
        if self.working:
            self.subscriber.deliver()


@contextmanager
def dying(broken: int, *, odd: int = 0) -> Iterator[Site]:
    """Give a site with so many letters of one cause, and then so many of another."""
    crm = Crm()
    crm.broken, crm.odd = set(range(broken)), set(range(broken, broken + odd))
    with InMemorySubscriber({NAME: crm}) as subscriber:
        subscriber.deliver(*(an_event(number, f"person-{number}") for number in range(broken + odd)))
        events = subscriber.events
        control = SubscriptionControl(InMemorySubscriptions(events), abandoned_seconds=1000)
        yield Site(crm, subscriber, subscriber.dead_letters, events, control, InMemoryEventPublisher("qontract-api"))
