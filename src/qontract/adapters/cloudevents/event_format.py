"""CloudEvents: how the bytes of an event are read, and written."""

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from qontract.adapters.cloudevents.event import Event, Text, json_object, reason, shortened
from qontract.adapters.cloudevents.mapper import as_class, from_cloudevent, to_cloudevent
from qontract.application.ports.event_format import EventFormat
from qontract.domain.events import DomainEvent

_REMEMBERED_EVENTS = 4_000
_REMEMBERED_BYTES = 4 * 2**20
_LARGEST_REMEMBERED = 64 * 2**10


class _Typed(TypedDict):
    type: Text


_TYPE = TypeAdapter(_Typed).validator


class CloudEventsEventFormat(EventFormat):
    """Structured-mode JSON. `source` is that of events that name none.

    It remembers what it decoded last, so that all subscriptions of a process share it: at least half of, and at most,
    4,000 events and 4 MiB of content, none of them over 64 KiB. Threads may share it.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._decoded = _Memory()

    def type_of(self, content: bytes) -> str:
        """Return the event's type. Only that is looked at, in Rust: no object is made of the rest."""
        try:
            typed: _Typed = _TYPE.validate_json(content)
        except ValidationError as error:
            json_object(content)  # says it better, if it is no JSON object
            raise ValueError(f"not a CloudEvent: {reason(error)}") from error
        return typed["type"]

    def decode(self, content: bytes) -> DomainEvent:
        """Return the event."""
        if len(content) > _LARGEST_REMEMBERED:
            return from_cloudevent(Event.from_json(content))
        event = self._decoded.get(content)
        if event is None:
            event = from_cloudevent(Event.from_json(content))
            self._decoded.add(content, event)
        return event

    def misfit(self, event: DomainEvent, wanted: type[DomainEvent]) -> str:
        """Return what does not fit, in one line; nothing if the event fits."""
        try:
            as_class(event, wanted)
        except ValidationError as error:
            return reason(error)
        except Exception as error:  # noqa: BLE001 - the class is somebody else's code
            return shortened(f"{type(error).__name__}: {error}")
        return ""

    def encode(self, event: DomainEvent) -> bytes:
        """Return the event's bytes."""
        return to_cloudevent(event, self._source).to_json()


class _Memory:
    """The events of two halves: the one that is being filled, and the one that was before it.

    What is not locked may be lost when threads meet, and is decoded again.
    """

    def __init__(self) -> None:
        self._newer: dict[bytes, DomainEvent] = {}
        self._older: dict[bytes, DomainEvent] = {}
        self._bytes = 0

    def get(self, content: bytes) -> DomainEvent | None:
        return self._newer.get(content) or self._older.get(content)

    def add(self, content: bytes, event: DomainEvent) -> None:
        self._bytes += len(content)
        if len(self._newer) >= _REMEMBERED_EVENTS // 2 or self._bytes > _REMEMBERED_BYTES // 2:
            self._older, self._newer, self._bytes = self._newer, {}, len(content)
        self._newer[content] = event
