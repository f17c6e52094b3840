"""CloudEvents: how the bytes of an event are read, and written."""

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from qontract.adapters.cloudevents.event import Event, Text, json_object, shortened, validation_message
from qontract.adapters.cloudevents.fast_decoding import decode_fast
from qontract.adapters.cloudevents.mapper import as_class, from_cloudevent, to_cloudevent
from qontract.application.ports.event_format import EventFormat
from qontract.domain.events import DomainEvent


class _Typed(TypedDict):
    type: Text


_TYPE = TypeAdapter(_Typed).validator


class CloudEventsEventFormat(EventFormat):
    """Structured-mode JSON. `source` is that of events that name none."""

    def __init__(self, source: str) -> None:
        self._source = source

    def type_of(self, content: bytes) -> str:
        """Return the event's type. Only that is looked at, in Rust: no object is made of the rest."""
        try:
            typed: _Typed = _TYPE.validate_json(content)
        except ValidationError as error:
            json_object(content)  # says it better, if it is no JSON object
            raise ValueError(f"not a CloudEvent: {validation_message(error)}") from error
        return typed["type"]

    def decode(self, content: bytes) -> DomainEvent:
        """Return the event."""
        try:
            return decode_fast(content)
        except Exception:  # noqa: BLE001 - a class is somebody else's code; and the other way says what is wrong
            return from_cloudevent(Event.from_json(content))

    def misfit(self, event: DomainEvent, wanted: type[DomainEvent]) -> str:
        """Return what does not fit, in one line; nothing if the event fits."""
        try:
            as_class(event, wanted)
        except ValidationError as error:
            return validation_message(error)
        except Exception as error:  # noqa: BLE001 - the class is somebody else's code
            return shortened(f"{type(error).__name__}: {error}")
        return ""

    def encode(self, event: DomainEvent) -> bytes:
        """Return the event's bytes."""
        return to_cloudevent(event, self._source).to_json()
