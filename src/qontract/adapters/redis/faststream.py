"""FastStream, speaking plain CloudEvents: its own frame around a message is one that no other client can read."""

from collections.abc import Sequence
from typing import Any

from faststream.message import StreamMessage
from faststream.redis import RedisBroker
from faststream.redis.parser import MessageFormat

from qontract.adapters.cloudevents import CONTENT_TYPE, Event

SOCKET_TIMEOUT = 5.0
"""Seconds that Redis may take to answer; longer than any blocking read waits."""


class CloudEventsFormat(MessageFormat):
    """The message is the CloudEvent's JSON, and nothing else."""

    @classmethod
    async def encode(cls, *, message: Any, **_: Any) -> bytes:
        """Return the bytes of an Event. Raises TypeError for anything else."""
        if not isinstance(message, Event):
            raise TypeError(f"publish an Event, not {type(message).__name__}")
        return message.to_json()

    @classmethod
    def parse(cls, data: bytes) -> tuple[bytes, dict[str, Any]]:
        """Return the bytes as they are."""
        return data, {"content-type": CONTENT_TYPE}


async def _decode(message: StreamMessage[Any]) -> Event | Sequence[Event]:
    body = message.body
    return [Event.from_json(part) for part in body] if isinstance(body, list) else Event.from_json(body)


def faststream_broker(url: str) -> RedisBroker:
    """Return a FastStream broker whose handlers get an Event, live or from a stream. It is not connected yet."""
    return RedisBroker(
        url,
        message_format=CloudEventsFormat,
        decoder=_decode,
        socket_timeout=SOCKET_TIMEOUT,
        socket_connect_timeout=SOCKET_TIMEOUT,
    )
