"""The events, as an AsyncAPI 3.0 document: one message for each type in the catalogue."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from qontract.adapters.cloudevents.event import CONTENT_TYPE
from qontract.adapters.cloudevents.mapper import to_cloudevent
from qontract.domain.events import DomainEvent, catalogue

_EXAMPLE_ID = "5f0f7a43-6b0a-4a3c-9d1e-8a5b8f2f4c11"
_EXAMPLE_TIME = "2026-01-31T09:30:00Z"
_SCHEMAS = "#/components/schemas/"


def asyncapi(*, channel: str, stream: str, source: str) -> dict[str, Any]:
    """Return the channel, its operation, messages and schemas, to be merged into a document."""
    types = catalogue()
    _, schemas = models_json_schema(
        [(_data_model(event_type), "serialization") for event_type in types.values()],
        ref_template=f"{_SCHEMAS}{{model}}",
    )
    kept = f" Also kept in the stream `{stream}`, field `__data__`." if stream else ""
    return {
        "channels": {
            "events": {
                "address": channel,
                "title": "Events",
                "description": f"Every applied action, as a CloudEvent, on this Redis Pub/Sub channel.{kept}",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in types},
            }
        },
        "operations": {
            "publishEvents": {
                "action": "send",
                "channel": {"$ref": "#/channels/events"},
                "summary": "What the workers did",
                "messages": [{"$ref": f"#/channels/events/messages/{name}"} for name in types],
            }
        },
        "components": {
            "messages": {name: _message(event_type, source) for name, event_type in types.items()},
            "schemas": schemas.get("$defs", {}),
        },
    }


def example(event_type: type[DomainEvent]) -> DomainEvent:
    """Return an event of the type, made of the first example (or default) of each field of its data."""
    fields = _data_model(event_type).model_fields
    data = {name: field.examples[0] if field.examples else field.get_default() for name, field in fields.items()}
    subject = "/".join(str(data[part]) for part in ("workspace", "usergroup") if part in data)
    return event_type.model_validate(
        {"id": _EXAMPLE_ID, "time": _EXAMPLE_TIME, "data": data, "subject": subject or None, "correlation_id": "r-1"}
    )


def _data_model(event_type: type[DomainEvent]) -> type[BaseModel]:
    model = event_type.model_fields["data"].annotation
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise TypeError(f"{event_type.__qualname__}: give `data` a model, for its schema")
    return model


def _message(event_type: type[DomainEvent], source: str) -> dict[str, Any]:
    event = example(event_type)
    return {
        "name": event.type,
        "title": event_type.__name__,
        "summary": (event_type.__doc__ or "").partition("\n")[0],
        "contentType": CONTENT_TYPE,
        "payload": _envelope(event.type, _data_model(event_type).__name__),
        "examples": [{"payload": to_cloudevent(event, source).model_dump(mode="json", exclude_none=True)}],
    }


def _envelope(event_type: str, data_schema: str) -> dict[str, Any]:
    text = {"type": "string", "minLength": 1}
    return {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "data"],
        "properties": {
            "specversion": {"type": "string", "const": "1.0"},
            "id": text,
            "source": text | {"format": "uri-reference"},
            "type": {"type": "string", "const": event_type},
            "time": {"type": "string", "format": "date-time"},
            "subject": text,
            "datacontenttype": {"type": "string", "const": "application/json"},
            "correlationid": text | {"description": "The request that caused it"},
            "data": {"$ref": f"{_SCHEMAS}{data_schema}"},
        },
    }
