"""Examples of events: of each type one, for the AsyncAPI document and for tests."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from qontract.domain.events import DomainEvent
from qontract.domain.integration import Action

_ID = "5f0f7a43-6b0a-4a3c-9d1e-8a5b8f2f4c11"
_TIME = "2026-01-31T09:30:00Z"
_OF_FORMAT = {
    "date-time": _TIME,
    "date": "2026-01-31",
    "time": "09:30:00Z",
    "duration": "PT1H",
    "uuid": _ID,
    "uri": "https://example.com/",
    "email": "alice@example.com",
    "ipv4": "192.0.2.1",
}

_Schema = Mapping[str, Any]


def example(event_type: type[DomainEvent]) -> DomainEvent:
    """Return an event of the type, with the first example, or the default, of each field of its data.

    What has neither is made up from its type: a text is the field's name, a number is 1. Raises ValueError if the
    event's class refuses that: its fields need examples.
    """
    try:
        annotation: Any = event_type.model_fields["data"].annotation
        schema = TypeAdapter(annotation).json_schema(mode="validation")
        text = json.dumps(_made_up(schema, schema.get("$defs", {}), "data"))
        event = event_type.model_validate_json(f'{{"id": "{_ID}", "time": "{_TIME}", "data": {text}}}')
        subject = event.data.subject if isinstance(event.data, Action) else None
    except Exception as error:  # whatever somebody else's class raises
        raise ValueError(f"no example of {event_type.__qualname__}: give the fields of its data examples") from error
    return event.model_copy(update={"subject": subject, "correlation_id": "r-1"})


def _made_up(schema: _Schema, definitions: _Schema, name: str) -> Any:  # noqa: PLR0911 - a case each
    """Return a value that the schema allows. Raises RecursionError: one is within itself, for ever."""
    match schema:
        case {"examples": [first, *_]} | {"const": first} | {"default": first} | {"enum": [first, *_]}:
            return first
        case {"$ref": reference}:
            found = definitions[reference.rpartition("/")[2]]
            return _made_up(found, definitions, name)
        case {"anyOf": [first, *_]} | {"oneOf": [first, *_]} | {"allOf": [first, *_]}:
            return _made_up(first, definitions, name)
        case {"type": "object"}:
            return _object(schema, definitions)
        case {"type": "array"}:
            items = schema.get("prefixItems") or [schema.get("items", {})] * schema.get("minItems", 0)
            return [_made_up(item, definitions, name) for item in items]
        case {"type": "integer" | "number"}:
            return max(1, schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1)
        case {"type": "boolean"}:
            return True
        case {"type": "null"}:
            return None
        case _:
            text = _OF_FORMAT.get(schema.get("format", ""), name)
            return text.ljust(schema.get("minLength", 0), "-")[: schema.get("maxLength")]


def _object(schema: _Schema, definitions: _Schema) -> dict[str, Any]:
    """Return what is required, and what has an example or a default."""
    required = schema.get("required", ())
    return {
        name: _made_up(inner, definitions, name)
        for name, inner in schema.get("properties", {}).items()
        if name in required or "examples" in inner or "default" in inner
    }
