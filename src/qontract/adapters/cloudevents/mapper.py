"""Domain events to their wire form, and back."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from qontract.adapters.cloudevents.event import Event
from qontract.domain.events import DomainEvent, catalogue

_CORRELATION = "correlationid"
_BLANK = DomainEvent(type="-", id="-", correlation_id=None, extensions={})


def to_cloudevent(event: DomainEvent, source: str) -> Event:
    """Return the wire form; `source` is for an event that names none. Raises ValueError if CloudEvents forbids it."""
    attributes = {
        "id": event.id,
        "time": event.time,
        "type": event.type,
        "source": event.source or source,
        "subject": event.subject,
        "datacontenttype": event.datacontenttype,
        "dataschema": event.dataschema,
        "data": event.model_dump(mode="json", include={"data"})["data"],
        "data_base64": event.data_base64,
    }
    if event.correlation_id is not None:
        attributes[_CORRELATION] = event.correlation_id
    if event.extensions:
        taken = event.extensions.keys() & (attributes.keys() | Event.model_fields.keys())
        if taken:
            raise ValueError(f"not a name for an extension attribute: {', '.join(sorted(taken))}")
        attributes |= event.extensions
    return Event.model_validate(attributes)


def from_cloudevent(event: Event) -> DomainEvent:
    """Return the event as an instance of the class of its type; as a plain DomainEvent if it has none, or does not fit.

    Nothing that CloudEvents allows is refused. `time` is optional there: where it is absent, it is that of reading.
    """
    values = vars(event).copy()  # the others have the same names there
    del values["specversion"]
    values["extensions"] = extensions = event.extensions
    correlation = extensions.get(_CORRELATION)
    if correlation and isinstance(correlation, str):
        del extensions[_CORRELATION]
        values["correlation_id"] = correlation
    if event.time is None:
        values["time"] = datetime.now(UTC)
    event_type = catalogue().get(event.type)
    return _plain_event(values) if event_type is None else _fitting(event_type, values)


def _fitting(event_type: type[DomainEvent], values: dict[str, Any]) -> DomainEvent:
    try:
        event: DomainEvent = event_type.__pydantic_validator__.validate_python(values)  # model_validate, 0.3 µs less
    except Exception:  # noqa: BLE001 - the class is somebody else's code
        event = _plain_event(values)
        with suppress(Exception):  # a strict class takes more from JSON
            return as_class(event, event_type)
    return event


def _plain_event(values: Mapping[str, Any]) -> DomainEvent:
    """Return a DomainEvent without validating again what an Event has: that is 4 µs for 24 values, and this is 1.5."""
    return _BLANK.model_copy(update=values)


def as_class(event: DomainEvent, wanted: type[DomainEvent]) -> DomainEvent:
    """Return the event as an instance of a class, by its JSON. Raises whatever the class raises."""
    return wanted.model_validate_json(event.model_dump_json())
