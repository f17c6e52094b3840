"""Handlers as packages install them, for the subscriber process: they note down what they do in the file NOTES.

What they wait for is a file too: `go` beside it.
"""

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import Self

from pydantic import BaseModel

from qontract.application.ports.event_handler import Delivery, EventHandler, Policy, Reject
from qontract.domain.events import DomainEvent

log = logging.getLogger("theirs")

NOTES = "NOTES"


def note(text: str) -> None:
    with Path(os.environ[NOTES]).open("a") as file:
        file.write(f"{text}\n")


def _may_go() -> bool:
    return Path(os.environ[NOTES]).with_name("go").exists()


class Ordered(EventHandler):
    """Blocks its event loop, for subject `blocks`, until it may go; replicas take turns."""

    types = ("com.example.*",)

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        note(f"{event.subject} {delivery.attempt}")
        while event.subject == "blocks" and not _may_go():
            time.sleep(0.05)  # noqa: ASYNC251 - that is the point


class Shared(Ordered):
    """As above; replicas compete."""

    policy = Policy(shared=True)


class Rejecting(EventHandler):
    """Rejects every event until it may go."""

    types = ("com.example.*",)

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        if not _may_go():
            raise Reject("it may not go")
        note(f"{event.subject} taken")


class Stubborn(EventHandler):
    """Does not end when it is cancelled."""

    types = ("com.example.*",)
    policy = Policy(timeout=0.1)

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        while not _may_go():
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                note("cancelled")


class Exiting(EventHandler):
    """Ends the process, for subject `ends`."""

    types = ("com.example.*",)
    policy = Policy(max_attempts=2)

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        note(f"{event.subject} {delivery.attempt}")
        if event.subject == "ends":
            os._exit(7)


class Waiting(EventHandler):
    """SharedWaits until it may go; then publishes a follow-up event."""

    types = ("com.example.happened",)

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        note(f"begun {event.subject}")
        while not _may_go():
            await asyncio.sleep(0.05)
        await delivery.publish(DomainEvent(type="com.example.followed", subject=event.subject))
        note(f"ended {event.subject}")


class Entered(EventHandler):
    """Has something to open and to close, and a setting."""

    class Settings(BaseModel):
        """`QAPI_<NAME>__GREETING`."""

        greeting: str = "hello"

    types = ("com.example.*",)

    def __init__(self, settings: Settings) -> None:
        self._greeting = settings.greeting

    async def __aenter__(self) -> Self:
        note("entered")
        return self

    async def __aexit__(self, *_: object) -> None:
        note("left")

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        note(f"{self._greeting} {event.subject}")


class Logging(EventHandler):
    """Logs before and after others had their turn."""

    types = ("com.example.*",)

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        log.info("begun", extra={"its_subject": event.subject})
        await asyncio.sleep(0.05)
        log.info("ended", extra={"its_subject": event.subject})
