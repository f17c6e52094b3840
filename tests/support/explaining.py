"""A deployment in memory, of which somebody asks why."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from qontract.adapters.memory import (
    InMemoryDeadLetters,
    InMemoryDeliveryStates,
    InMemoryEventPublisher,
    InMemoryEventSpool,
    InMemoryEventStore,
    InMemoryIntents,
    InMemoryKeptEvents,
    InMemorySubscriptions,
)
from qontract.application.delivery.session import Limits
from qontract.application.inspection.event_explanations import EventExplanations, Stores
from qontract.application.ports.event_handler import EventHandler
from qontract.domain.explanations import SubscriptionFinding, Verdict
from tests.support.delivering import (
    FORMAT,
    NAME,
    QUICK,
    Replica,
    an_event,
    publish,
    replica,
    until,
)

EPOCH = datetime.fromtimestamp(0, UTC)


class Deployment:
    """Kept events, who delivers them, and who asks."""

    def __init__(self) -> None:
        self.events = InMemoryEventStore()
        self.subscriptions = InMemorySubscriptions(self.events, EPOCH)
        self.letters = InMemoryDeadLetters(events=self.events)
        self.states = InMemoryDeliveryStates(self.events, EPOCH)
        self.kept = InMemoryKeptEvents(self.events, EPOCH)
        self.spool, self.intents = InMemoryEventSpool(), InMemoryIntents(InMemoryEventPublisher("qontract-api"))
        stores = Stores(
            self.kept, self.subscriptions, self.states, self.letters, FORMAT, self.spool, self.intents, "ops-1"
        )
        self.why = EventExplanations(stores, now=lambda: datetime.fromtimestamp(self.events.now(), UTC))

    def of(self, entry: int) -> SubscriptionFinding:
        explanation = self.why.event(str(entry))
        assert explanation
        (found,) = explanation.findings
        assert found.subscription == NAME
        return found

    async def becomes(self, entry: int, verdict: Verdict) -> SubscriptionFinding:
        await until(lambda: bool(self.subscriptions.all()) and self.of(entry).verdict is verdict)
        return self.of(entry)


@asynccontextmanager
async def delivering(
    handler: EventHandler, *events: int, limits: Limits = QUICK
) -> AsyncIterator[tuple[Deployment, Replica]]:
    """Publish events of one subject, by their numbers, and deliver them."""
    deployment = Deployment()
    publish(deployment.events, *map(an_event, events))
    async with replica(deployment.events, handler, limits=limits) as one:
        yield deployment, one
