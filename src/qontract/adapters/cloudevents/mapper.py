"""Domain events to their wire form, and back."""

from datetime import UTC, datetime

from qontract.adapters.cloudevents.event import Event
from qontract.domain.events import DomainEvent, catalogue


def to_cloudevent(event: DomainEvent, source: str) -> Event:
    """Return the wire form; `source` is for an event that names none. Raises ValueError if CloudEvents forbids it."""
    attributes = {
        "id": event.id,
        "time": event.time,
        "type": event.type,
        "source": event.source or source,
        "subject": event.subject,
        "data": event.model_dump(mode="json", include={"data"})["data"],
        "correlationid": event.correlation_id,
    }
    if event.extensions:
        taken = event.extensions.keys() & (attributes.keys() | Event.model_fields.keys())
        if taken:
            raise ValueError(f"not a name for an extension attribute: {', '.join(sorted(taken))}")
        attributes |= event.extensions
    return Event.model_validate(attributes)


def from_cloudevent(event: Event) -> DomainEvent:
    """Return the event as an instance of the class of its type, or as a plain DomainEvent. Raises ValueError.

    What the specification leaves optional may be absent: `time` is then the time of reading.
    """
    if event.data_base64 is not None:
        raise ValueError("data must be a JSON object, and is binary")
    extensions = event.extensions
    return (
        catalogue()
        .get(event.type, DomainEvent)
        .model_validate(
            {
                "id": event.id,
                "time": event.time or datetime.now(UTC),
                "type": event.type,
                "source": event.source,
                "subject": event.subject,
                "data": {} if event.data is None else event.data,
                "correlation_id": extensions.pop("correlationid", None),
                "extensions": extensions,
            }
        )
    )
