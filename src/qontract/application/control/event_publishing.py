"""Use case: publish an event by hand."""

import logging
from enum import StrEnum

from qontract.application.event_manager import EventManager
from qontract.application.ports.event_format import EventFormat
from qontract.domain.events import DomainEvent

log = logging.getLogger(__name__)


class PublishOutcome(StrEnum):
    """What became of an event: published; spooled; or neither, and only the log has it."""

    PUBLISHED = "published"
    SPOOLED = "spooled"
    NOT_PUBLISHED = "not published"


def publish_by_hand(
    events: EventManager, event_format: EventFormat, content: bytes, *, by: str
) -> tuple[DomainEvent, PublishOutcome]:
    """Publish the CloudEvent in these bytes. Raises ValueError, in one line, if it is not a valid CloudEvent.

    If the event does not say who asked for it, `by` becomes its `authid`. An event whose source and id were published
    within the last day changes nothing.
    """
    event = event_format.decode(content)
    if "authid" not in event.extensions:
        who: dict[str, str | int | bool] = {"authtype": "unknown", "authid": by}
        event = event.model_copy(update={"extensions": event.extensions | who})
    event_format.encode(event)  # raises if CloudEvents does not allow the text of `by`
    taken = events.publish_event(event)
    outcome = PublishOutcome.SPOOLED if events.behind else PublishOutcome.PUBLISHED
    if not taken:
        outcome = PublishOutcome.NOT_PUBLISHED
    about = {"event_id": event.id, "event_type": event.type, "subject": event.subject, "by": by}
    log.info("event published by hand", extra=about | {"outcome": outcome.value})
    return event, outcome
