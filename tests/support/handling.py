"""One attempt to handle an event, as a subscription makes it."""

from qontract.application.ports.event_handler import Delivery, EventHandler
from qontract.domain.events import DomainEvent


def event(subject: str = "coreos/team-a", **data: str) -> DomainEvent:
    """Return an event of a type without a class."""
    return DomainEvent(type="qontract-api.elsewhere.done", subject=subject, data=dict(data))


async def handle(handler: EventHandler, event: DomainEvent) -> None:
    """Give it the event, in its first attempt."""

    async def publish(delivery: Delivery, event: DomainEvent) -> None:
        delivery.published.append(event)

    await handler.handle(event, Delivery("any", event, 1, publish))
