"""The events, as an AsyncAPI 3.0 document: one message for each type in the catalogue."""

import logging
import re
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from qontract.adapters.cloudevents.event import CONTENT_TYPE
from qontract.adapters.cloudevents.examples import example
from qontract.adapters.cloudevents.mapper import to_cloudevent
from qontract.domain.events import DomainEvent, catalogue, wire_name
from qontract.domain.schema_names import REF_TEMPLATE, SchemaNames, camel_case

log = logging.getLogger(__name__)

_TEXT = {"type": "string", "minLength": 1}
_SERVERS = {
    "development": {  # FastStream's name for the server of its broker: everybody may read the document, so it says none
        "host": "{host}",
        "pathname": "/{database}",
        "variables": {
            "host": {"description": "The host and port of the Redis that QAPI_CACHE_BROKER_URL names"},
            "database": {"description": "The number of its database", "default": "0"},
        },
    }
}
_EXTENSIONS = {
    "correlationid": _TEXT | {"description": "The request that caused it"},
    "causationid": _TEXT | {"description": "The id of the event to which a handler reacted with this one"},
    "intentid": _TEXT | {"description": "The event tells of a part of the action whose event has this id"},
    "hops": {"type": "integer", "description": "How many such follow-up events led to it, itself among them"},
    "authtype": _TEXT | {"description": "What kind of caller asked for it (CloudEvents' auth context)"},
    "authid": _TEXT | {"description": "Who asked for it: the `sub` of the request's token"},
    "reason": _TEXT | {"description": "Why, as the request says it"},
}


def asyncapi(*, channel: str, stream: str, source: str) -> dict[str, Any]:
    """Return the server, the channel, its operation, messages and schemas, to be merged into a document.

    Schemas of qontract's own have the names of their classes. One of another package has too, unless the name is
    taken: then it begins with the event's type.
    """
    names, schemas = SchemaNames(), dict[str, Any]()
    messages: dict[str, Any] = {}
    for event_type in sorted(catalogue().values(), key=_ours_first):
        data, more = _schemas(event_type, names)
        schemas |= more
        messages[_key(wire_name(event_type), messages)] = _message(event_type, data, source)
    kept = f" Also kept in the stream `{stream}`, field `__data__`." if stream else ""
    return {
        "servers": _SERVERS,
        "channels": {
            "events": {
                "address": channel,
                "title": "Events",
                "description": f"Every event, as a CloudEvent, on this Redis Pub/Sub channel.{kept}",
                "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in messages},
            }
        },
        "operations": {
            "publishEvents": {
                "action": "send",
                "channel": {"$ref": "#/channels/events"},
                "summary": "Events that qontract and installed packages publish",
                "messages": [{"$ref": f"#/channels/events/messages/{key}"} for key in messages],
            }
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def _ours_first(event_type: type[DomainEvent]) -> tuple[bool, str]:
    return not _ours(event_type), wire_name(event_type)


def _ours(event_type: type[DomainEvent]) -> bool:
    return event_type.__module__.startswith("qontract.")


def _key(name: str, taken: Mapping[str, Any]) -> str:
    """Return what a message is found by: the event's type, if AsyncAPI allows its characters, or like it."""
    key = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    while key in taken:
        key += "_"
    return key


def _schemas(event_type: type[DomainEvent], names: SchemaNames) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the schema of the data, and the schemas that it needs. What has none may be any JSON."""
    annotation: Any = event_type.model_fields["data"].annotation
    if annotation == DomainEvent.model_fields["data"].annotation:
        return {}, {}
    try:
        found, schemas = TypeAdapter.json_schemas(
            [("data", "serialization", TypeAdapter(annotation))],
            ref_template=REF_TEMPLATE,
            schema_generator=names.generator(camel_case(wire_name(event_type)), always=False),
        )
    except Exception:
        if _ours(event_type):
            raise
        log.debug("event type has no schema", extra={"event_type": wire_name(event_type)}, exc_info=True)
        return {}, {}
    return found["data", "serialization"], schemas.get("$defs", {})


def _message(event_type: type[DomainEvent], data: Mapping[str, Any], source: str) -> dict[str, Any]:
    message = {
        "name": wire_name(event_type),
        "title": event_type.__name__,
        "summary": (event_type.__doc__ or "").strip().partition("\n")[0],
        "contentType": CONTENT_TYPE,
        "payload": _envelope(wire_name(event_type), data),
    }
    try:
        payload = to_cloudevent(example(event_type), source).model_dump(mode="json", exclude_none=True)
    except ValueError:
        log.debug("event type has no example", extra={"event_type": wire_name(event_type)}, exc_info=True)
        return message
    return message | {"examples": [{"payload": payload}]}


def _envelope(event_type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["specversion", "id", "source", "type", *(["data"] if data else [])],
        "properties": {
            "specversion": {"type": "string", "const": "1.0"},
            "id": _TEXT,
            "source": _TEXT | {"format": "uri-reference"},
            "type": {"type": "string", "const": event_type},
            "time": {"type": "string", "format": "date-time"},
            "subject": _TEXT,
            "datacontenttype": {"type": "string", "const": "application/json"},
            "dataschema": _TEXT | {"format": "uri"},
            **_EXTENSIONS,
            "data": data,
        },
    }
