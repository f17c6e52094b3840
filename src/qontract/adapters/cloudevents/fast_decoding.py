"""From the JSON of an event to the class of its type with one validator: nearly every event can take this short way."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic_core import SchemaValidator

from qontract.adapters.cloudevents.event import (
    Event,
    Extension,
    ExtensionName,
    MediaType,
    SchemaUri,
    Source,
    Text,
    Time,
    json_object,
)
from qontract.domain.events import DomainEvent, catalogue

_ATTRIBUTES = frozenset(Event.model_fields)
_MAY_DIFFER = ("type", "data")


class _Ruled(BaseModel):
    """The fields of a DomainEvent that CloudEvents has rules for, under these rules. Nothing is filled in."""

    type: Text
    data: Any = None  # JSON already
    source: Source
    id: Text
    time: Time
    subject: Text | None = None
    datacontenttype: MediaType | None = None
    dataschema: SchemaUri | None = None
    correlation_id: Text | None = None
    extensions: dict[ExtensionName, Extension]


def decode_fast(content: bytes) -> DomainEvent:
    """Return what `from_cloudevent(Event.from_json(content))` does, 3 µs sooner.

    Raises some exception where only that way has the answer: for what is no event, or does not fit its class, or whose
    class has rules of its own for more than the data.
    """
    attributes = json_object(content)
    extensions = {name: attributes.pop(name) for name in [*attributes] if name not in _ATTRIBUTES}
    if attributes.pop("specversion") != "1.0":
        raise ValueError
    if (correlation := extensions.get("correlationid")) and isinstance(correlation, str):
        attributes["correlation_id"] = extensions.pop("correlationid")
    attributes["extensions"] = extensions
    if attributes.get("time") is None:
        attributes["time"] = datetime.now(UTC)
    validator = _validator(catalogue().get(attributes["type"], DomainEvent))
    if validator is None:
        raise ValueError
    event: DomainEvent = validator.validate_python(attributes)
    return event.with_order_key()


@cache
def _validator(event_type: type[DomainEvent]) -> SchemaValidator | None:
    """Return the validator of a class, with the rules of CloudEvents instead of those that it has from DomainEvent.

    None if it is a class of more than a `type` and its `data`.
    """
    (own, definitions), (usual, _), (ruled, _) = (_model(kind) for kind in (event_type, DomainEvent, _Ruled))
    if own["type"] != "model" or own["custom_init"] or _options(own) != _options(usual):
        return None
    fields = own["schema"]["fields"].copy()
    for name, field in fields.items():
        if field == usual["schema"]["fields"].get(name):
            fields[name] = ruled["schema"]["fields"].get(name, field)
        elif name not in _MAY_DIFFER:
            return None
    model = own | {"schema": own["schema"] | {"fields": fields}}
    schema = {"type": "definitions", "schema": model, "definitions": definitions}
    return SchemaValidator(schema, _use_prebuilt=False)  # else it takes the class's own validator


def _model(kind: type[BaseModel]) -> tuple[dict[str, Any], list[Any]]:
    """Return pydantic's schema of a class, and the definitions that it uses."""
    schema: Any = kind.__pydantic_core_schema__
    return (schema["schema"], schema["definitions"]) if schema["type"] == "definitions" else (schema, [])


def _options(model: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in model["config"].items() if name != "title"}
