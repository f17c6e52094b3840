"""FastStream, speaking plain CloudEvents: its own frame around a message is one that no other client can read.

A handler gets an event in the form that its annotation names (a batch: in a list of that form):

| annotation | what the handler gets |
|---|---|
| none, `Any`, `Event` | the Event |
| a subclass of Event | the event, validated as it: its `data` may have a type |
| `DomainEvent`, or a subclass | the event as the class of its type |
| `dict`, `Mapping` | the whole event, as the JSON object that it is on the wire |
| `bytes` | the whole event, as JSON |
| anything else: a model, a dataclass, a list | the event's `data`, validated as that |

An event that has not that form is an error in the log, and the handler is not called; of a batch, an entry that is no
event is left out, with a warning. Handlers publish, and return under `@broker.publisher`, an Event or a DomainEvent;
None publishes nothing. All of it holds under FastStream's TestRedisBroker too.

What does not work: `broker.request` gets an answer under TestRedisBroker only, for a CloudEvent has no place for the
channel that the answer goes to; on a server it raises NotImplementedError. And a stream subscriber without a group that
begins at the end of the stream (`$`, FastStream's default) may miss events until it got its first, for it asks anew at
each poll where the end is; one that begins at an id, or has a group, misses none.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from fast_depends.library.serializer import OptionItem
from fast_depends.pydantic import PydanticSerializer
from faststream import BaseMiddleware
from faststream.message import StreamMessage
from faststream.redis import RedisBroker
from faststream.redis.parser import MessageFormat
from faststream.redis.response import RedisPublishCommand
from pydantic import BeforeValidator

from qontract.adapters.cloudevents import CONTENT_TYPE, Event, from_cloudevent, to_cloudevent
from qontract.adapters.redis.connections import async_connection_class, retry_once
from qontract.domain.events import DomainEvent

log = logging.getLogger(__name__)

SOCKET_TIMEOUT = 5.0
"""Seconds that Redis may take to answer; longer than any blocking read waits."""


def faststream_broker(url: str, *, source: str = "qontract-api") -> RedisBroker:
    """Return a FastStream broker that speaks CloudEvents. It is not connected yet.

    `source` is for a DomainEvent that names none. Publishing anything but an Event or a DomainEvent raises TypeError.
    """
    plain, kind = async_connection_class(url)
    how: dict[str, Any] = {"retry": retry_once()}  # which FastStream passes on, and does not name
    return RedisBroker(
        plain,
        connection_class=kind,
        message_format=CloudEventsFormat,
        decoder=_decode,
        serializer=_EventForms(use_fastdepends_errors=False),
        middlewares=(partial(_PublishesEvents, source=source),),
        logger=log,
        log_level=logging.DEBUG,  # of the lines that say that a message came and went; errors are errors
        socket_timeout=SOCKET_TIMEOUT,
        socket_connect_timeout=SOCKET_TIMEOUT,
        **how,
    )


class _Sent(bytes):
    """What TestRedisBroker carries from `encode` to `parse`: it finds a message again by the id, which no wire has."""

    correlation_id: str


class CloudEventsFormat(MessageFormat):
    """The message is the CloudEvent's JSON, and nothing else."""

    @classmethod
    async def encode(cls, *, message: Any, correlation_id: str, reply_to: str | None = "", **how: Any) -> bytes:
        """Return the bytes of an Event; of something else, which only TestRedisBroker encodes, what FastStream makes.

        Raises NotImplementedError if somebody waits for a reply.
        """
        if reply_to:
            raise NotImplementedError("a CloudEvent has no place for reply_to: publish the answer as an event")
        if not isinstance(message, Event):  # what a handler returned to nobody
            built = await cls.build(message=message, correlation_id=correlation_id, reply_to=None, **how)
            return built.data
        sent = _Sent(message.to_json())
        sent.correlation_id = correlation_id
        return sent

    @classmethod
    def parse(cls, data: bytes) -> tuple[bytes, dict[str, Any]]:
        """Return the bytes as they are, if they are text; what is no text must not cost a batch the other events."""
        headers = {"content-type": CONTENT_TYPE}
        if isinstance(data, _Sent):
            headers["correlation_id"] = data.correlation_id
        if not isinstance(data, bytes):  # of a batch: the fields of an entry that has no `__data__`
            return b"null", headers
        return data.decode(errors="replace").encode(), headers


async def _decode(message: StreamMessage[Any]) -> Event | list[Event]:
    body: bytes = message.body
    if not body.startswith(b"["):
        return Event.from_json(body)
    events = []  # a batch, of which FastStream makes one JSON list; no CloudEvent begins so
    for part in json.loads(body):
        try:
            events.append(Event.from_json(json.dumps(part)))
        except ValueError as error:
            log.warning("entry of a batch is no event; it is left out", extra={"error": str(error)})
    if not events:
        raise ValueError("no entry of the batch is an event")
    return events


class _PublishesEvents(BaseMiddleware[RedisPublishCommand, Any]):
    """Lets only events out, in their own format. The format cannot say no: TestRedisBroker encodes all results."""

    def __init__(self, msg: Any, /, *, context: Any, source: str) -> None:
        super().__init__(msg, context=context)
        self._source = source

    async def publish_scope(
        self, call_next: Callable[[RedisPublishCommand], Awaitable[Any]], cmd: RedisPublishCommand
    ) -> Any:
        """Publish what is an event."""
        is_result = self.msg is not None  # of the handler that handles this message
        if is_result and not cmd.batch_bodies:
            return None
        cmd.batch_bodies = [self._event(body) for body in cmd.batch_bodies or (None,)]
        cmd.message_format = CloudEventsFormat  # a RedisResponse brings FastStream's own
        return await call_next(cmd)

    def _event(self, body: object) -> Event:
        if isinstance(body, DomainEvent):
            return to_cloudevent(body, self._source)
        if isinstance(body, Event):
            return body
        raise TypeError(
            f"publish an Event, not {type(body).__name__}: Event(source=…, type=…, subject=…, data=…) makes one"
        )


class _EventForms(PydanticSerializer):
    """Makes of an event what the handler's annotation names; without it, handlers could take an Event only."""

    def __call__(self, *, name: str, options: list[OptionItem], response_type: Any) -> Any:
        """Return what validates the arguments of one handler."""
        for option in options:
            option.field_type = _from_event(option.field_type)
        return super().__call__(name=name, options=options, response_type=response_type)


def _from_event(wanted: Any) -> Any:
    """Return the type so that pydantic makes it from an Event where one comes; other values it takes as before."""
    origin, parts = get_origin(wanted), get_args(wanted)
    if origin is Annotated:
        return Annotated[(_from_event(parts[0]), *parts[1:])]
    if origin in (Union, UnionType):
        return Union[tuple(_from_event(part) for part in parts)]  # noqa: UP007 - of a tuple
    if origin in (list, Sequence):
        wanted = origin[_from_event(parts[0])]
    return Annotated[wanted, BeforeValidator(partial(_in_form, origin or wanted))]


def _in_form(form: Any, value: object) -> Any:
    if not isinstance(value, Event) or not isinstance(form, type) or form in (Any, Event, object):
        return value
    if issubclass(form, Event):
        return form.from_json(value.to_json())
    if issubclass(form, DomainEvent):
        return from_cloudevent(value)
    if issubclass(form, bytes):
        return value.to_json()
    if issubclass(form, Mapping):
        return json.loads(value.to_json())
    return value.data if value.data_base64 is None else value.data_base64
