"""What a use case tells its events to."""

import logging
from collections.abc import Sequence

from qontract.application.ports.event_publisher import EventPublisher, EventPublisherError
from qontract.domain.events import DomainEvent

log = logging.getLogger(__name__)


class EventManager:
    """Publishes for producers that must not fail because of it: it never raises, and never blocks for long."""

    def __init__(self, publisher: EventPublisher) -> None:
        self._publisher = publisher

    def publish_event(self, event: DomainEvent) -> None:
        """Publish one event."""
        self.publish_events([event])

    def publish_events(self, events: Sequence[DomainEvent]) -> None:
        """Publish the events of a task together: all or none, in order."""
        try:
            self._publisher.publish(events)
        except EventPublisherError as error:
            log.error("events not published", extra={"events": [event.id for event in events], "error": str(error)})  # noqa: TRY400
        except Exception:
            log.exception("events not published", extra={"events": [event.id for event in events]})
