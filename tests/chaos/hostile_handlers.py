"""The handlers of a hostile run: they note down the id of each event, and what it said, in the file NOTES."""

import json
import os
from pathlib import Path

from qontract.application.ports.event_handler import Delivery, EventHandler, Policy
from qontract.domain.events import DomainEvent
from tests.chaos.handlers import append

TYPES = ("com.example.*",)


class Ordered(EventHandler):
    """Replicas take turns; an event that was handled before is left out."""

    types = TYPES
    policy = Policy(dedupe_for=3600)

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        append(Path(os.environ["NOTES"]), json.dumps([delivery.subscription, event.id]) + "\n")


class Shared(Ordered):
    """Replicas compete."""

    policy = Policy(shared=True)
