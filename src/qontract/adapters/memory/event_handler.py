"""In memory: a handler that remembers its events."""

from qontract.adapters.memory import faults
from qontract.application.ports.event_handler import Delivery, EventHandler
from qontract.domain.events import DomainEvent


class InMemoryEventHandler(EventHandler):
    """Keeps the events that it handled in `handled`."""

    fail = faults.fail

    def __init__(self, *types: str) -> None:
        self.types = types or ("*",)
        self.handled: list[DomainEvent] = []

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:  # noqa: ARG002 - every attempt is the same
        """Keep the event."""
        self.handled.append(event)
