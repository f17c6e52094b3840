"""Where a worker's messages come from: kombu's channel, with nothing on it but messages of jobs."""

import json
from functools import partial
from typing import Any

import redis
from kombu.transport.redis import Channel, PrefixedStrictRedis, QoS, Transport
from redis.connection import parse_url

from qontract.adapters.celery.messages import QUEUE, job_message
from qontract.adapters.redis.connections import failover_aware
from qontract.adapters.unreadable_values import Unreadable
from qontract.domain.server_address import ServerAddress

_LIMITS = ("max_connections", "socket_timeout", "socket_connect_timeout", "health_check_interval")
_UNREADABLE = Unreadable("messages", "message names no job; it is dropped")


class _Redis(PrefixedStrictRedis):
    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        """Return the answer; that nothing came, if what came is no message of a job."""
        answer = super().parse_response(connection, command_name, **options)
        if command_name != "BRPOP" or not answer:
            return answer
        queue, raw = answer
        try:
            return queue, job_message(raw)
        except ValueError as error:
            _UNREADABLE.report(raw, error)
            return None


class _QoS(QoS):
    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Put a message back that a worker had; forget it if it is none, for it would keep the others back."""
        try:
            super().restore_by_tag(tag, client, leftmost)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            _UNREADABLE.report(tag if isinstance(tag, bytes) else str(tag).encode(), error)
            self.ack(tag)


class JobsChannel(Channel):
    """Takes and puts back messages of jobs; what else is in the queue is dropped, named and counted."""

    QoS = _QoS
    from_transport_options = (*Channel.from_transport_options, "address")
    address: ServerAddress

    @property
    def connection_class(self) -> type[Any]:  # type: ignore[override] # kombu only reads it
        """The class of the connections; kombu may derive one from it."""
        kind: type[Any] = failover_aware(self._options().get("connection_class", redis.Connection), self.address)
        return kind

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """Return what connections are made of: kombu's class and limits, and what redis-py reads in the URL."""
        params: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[misc] # kombu-stubs leave it out
        kept = {name: params[name] for name in _LIMITS}
        return {"db": 0, **kept, **self._options(), "connection_class": params["connection_class"]}

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = parse_url(self.address.url)  # type: ignore[no-untyped-call]
        return options

    def _get_client(self) -> Any:
        return partial(_Redis, global_keyprefix=self.global_keyprefix)

    def _do_restore_message(self, payload: Any, _exchange: Any, _key: Any, pipe: Any, leftmost: bool = False) -> None:
        """Put it into the queue of jobs, wherever it says that it came from."""
        raw = json.dumps(payload).encode()
        try:
            (pipe.lpush if leftmost else pipe.rpush)(QUEUE, job_message(raw))
        except ValueError as error:
            _UNREADABLE.report(raw, error)


class JobsTransport(Transport):
    """Kombu's own, with channels of ours; where Redis is, is among its options, and not in its URL."""

    Channel = JobsChannel
    can_parse_url = True

    def as_uri(self, uri: str, include_password: bool = False, mask: str = "**") -> str:  # noqa: ARG002 - kombu's
        """Return what log lines say of where Redis is."""
        client: Any = self.client
        return str(client.transport_options["address"])
