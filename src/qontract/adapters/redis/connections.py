"""How each connection to Redis is made, and how it notices that its server is not the primary any more.

After a failover, connections to the old primary may stay open: the name moved, and nobody cut them. Such a server
refuses to write. The connection is then closed, so that the name, or a Sentinel, is asked anew; and what was refused
may be sent again, for nothing of it was done. A node of a cluster that has not our keys says which one has them: the
next connection goes there. All keys of a channel are in one slot, so that one node has them all.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, TypeVar

import redis
from redis.asyncio import ConnectionPool as AsyncConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.connection import parse_url as parse_async_url
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import AskError, BusyLoadingError, ClusterDownError, MovedError, ReadOnlyError, TryAgainError
from redis.retry import Retry

from qontract.adapters.unreadable_values import excerpt
from qontract.domain.server_address import ServerAddress, server_address

T = TypeVar("T")

_REFUSALS = ("NOREPLICAS", "UNBLOCKED", "MASTERDOWN", "CLUSTERDOWN", "LOADING", "READONLY")
_IN_A_TRANSACTION = "instance is now a read-only replica"
_SENTINEL_SECONDS = 2.0
_ASKED_FIRST: dict[ServerAddress, Any] = {}
"""Of each address, the Sentinel that answered, or the node that has the keys: the first to ask the next time."""


class NotPrimaryError(redis.ConnectionError):
    """The server is not the primary, or cannot be it now: it refused, and did nothing. The connection is closed."""


class NoSentinelError(redis.ConnectionError):
    """No Sentinel says where the primary is. The text has no secret, and says why of the last one that was asked."""


def client(url: str, *, timeout: float) -> redis.Redis:
    """Return a client; `timeout` bounds connecting and each answer, in seconds.

    Nothing that may have been done is sent again. What was refused by a server that is not the primary is, once.
    """
    return redis.Redis.from_pool(pool(url, timeout, retry=Retry(NoBackoff(), 1, supported_errors=(NotPrimaryError,))))


def pool(url: str, timeout: float, **options: Any) -> redis.ConnectionPool:
    """Return a pool of connections, with more options of redis-py."""
    address = server_address(url)
    parsed: dict[str, Any] = parse_url(address.url)  # type: ignore[no-untyped-call]
    kind = parsed.get("connection_class", redis.Connection)
    options = {"socket_timeout": timeout, "socket_connect_timeout": timeout, **options}
    return redis.ConnectionPool.from_url(address.url, connection_class=failover_aware(kind, address), **options)


def async_client(url: str, *, timeout: float) -> AsyncRedis:
    """Return a client for one event loop; as `client`."""
    plain, kind = async_connection_class(url)
    options: dict[str, Any] = {"socket_timeout": timeout, "socket_connect_timeout": timeout, "retry": retry_once()}
    options |= parse_async_url(plain) | {"connection_class": kind}  # from_url would take the class of the URL
    return AsyncRedis.from_pool(AsyncConnectionPool(**options))


def async_connection_class(url: str) -> tuple[str, type[Any]]:
    """Return a URL as redis-py takes it, and the class that its connections have to have, for an event loop."""
    address = server_address(url)
    kind: Any = parse_async_url(address.url).get("connection_class", redis.asyncio.Connection)
    return address.url, _async_failover_aware(kind, address)


@cache
def failover_aware(kind: type[Any], address: ServerAddress) -> type[Any]:
    """Return a class of connections of this kind, which connect to where the primary is, and notice where it is not."""
    finding = (_ThroughSentinels,) if address.sentinels else (_ThroughNodes,) if address.nodes else ()
    return type(f"Noticing{kind.__name__}", (_FailoverAware, *finding, kind), {"address": address})


@cache
def _async_failover_aware(kind: type[Any], address: ServerAddress) -> type[Any]:
    finding = (_AsyncThroughSentinels,) if address.sentinels else (_AsyncThroughNodes,) if address.nodes else ()
    return type(f"Noticing{kind.__name__}", (_AsyncFailoverAware, *finding, kind), {"address": address})


class _FailoverAware:
    def read_response(self, *args: Any, **how: Any) -> Any:
        """Return the answer. Raises NotPrimaryError if the connection is of no use any more."""
        try:
            return super().read_response(*args, **how)  # type: ignore[misc] # of redis-py's connection
        except redis.RedisError as error:
            if not _is_elsewhere(self, error):
                raise
            self.disconnect()  # type: ignore[attr-defined] # as above
            raise NotPrimaryError(_text_of(error)) from None


class _AsyncFailoverAware:
    async def read_response(self, *args: Any, **how: Any) -> Any:
        """Return the answer. Raises NotPrimaryError if the connection is of no use any more."""
        try:
            return await super().read_response(*args, **how)  # type: ignore[misc] # of redis-py's connection
        except redis.RedisError as error:
            if not _is_elsewhere(self, error):
                raise
            await self.disconnect(nowait=True)  # type: ignore[attr-defined] # as above
            raise NotPrimaryError(_text_of(error)) from None


class _ThroughSentinels:
    address: ServerAddress
    socket_connect_timeout: float | None

    def _connect(self) -> Any:
        self.host, self.port = self._primary()
        return super()._connect()  # type: ignore[misc] # of redis-py's connection

    def _primary(self) -> tuple[str, int]:
        reason = "it is not known there"
        for url in _order(self.address, self.address.sentinels):
            options = _within(self.socket_connect_timeout)
            try:
                with redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **options) as sentinel:
                    if found := sentinel.sentinel_get_master_addr_by_name(self.address.name):
                        _ASKED_FIRST[self.address] = url
                        return _place(found)
            except (redis.RedisError, OSError) as error:
                reason = excerpt(f"{type(error).__name__}: {error}")
        raise _not_found(self.address, reason)


class _AsyncThroughSentinels:
    address: ServerAddress
    socket_connect_timeout: float | None

    async def _connect(self) -> None:
        self.host, self.port = await self._primary()
        await super()._connect()  # type: ignore[misc] # of redis-py's connection

    async def _primary(self) -> tuple[str, int]:
        reason = "it is not known there"
        for url in _order(self.address, self.address.sentinels):
            options = _within(self.socket_connect_timeout)
            try:
                async with AsyncRedis.from_url(url, retry=AsyncRetry(NoBackoff(), 0), **options) as sentinel:
                    if found := await sentinel.sentinel_get_master_addr_by_name(self.address.name):
                        _ASKED_FIRST[self.address] = url
                        return _place(found)
            except (redis.RedisError, OSError) as error:
                reason = excerpt(f"{type(error).__name__}: {error}")
        raise _not_found(self.address, reason)


class _ThroughNodes:
    address: ServerAddress

    def _connect(self) -> Any:
        """Connect to the node that has the keys, as far as that is known, or else to one that says which."""
        failed: Exception = redis.ConnectionError("no node")
        for node in _order(self.address, self.address.nodes):
            self.host, self.port = node
            try:
                return super()._connect()  # type: ignore[misc] # of redis-py's connection
            except (redis.RedisError, OSError) as error:
                failed = error
        raise failed


class _AsyncThroughNodes:
    address: ServerAddress

    async def _connect(self) -> None:
        """Connect as `_ThroughNodes` does."""
        failed: Exception = redis.ConnectionError("no node")
        for node in _order(self.address, self.address.nodes):
            self.host, self.port = node
            try:
                return await super()._connect()  # type: ignore[misc, no-any-return] # of redis-py's connection
            except (redis.RedisError, OSError) as error:
                failed = error
        raise failed


def _is_elsewhere(connection: Any, error: Exception) -> bool:
    """Say whether what was asked has to be asked of another server, or later; a node that says which is believed."""
    address = connection.address
    if address.nodes and isinstance(error, AskError | TryAgainError):
        if isinstance(error, MovedError):
            _ASKED_FIRST[address] = (error.host or connection.host, error.port)
        return True
    refused = _refused(error)
    if refused and address.nodes:  # it may be cut off from the others, which have another primary meanwhile
        _ASKED_FIRST[address] = _after(address.nodes, (connection.host, connection.port))
    return refused


def _after(nodes: Sequence[T], node: T) -> T:
    """Return the next one, in turn; the first, if the node is none of them."""
    return nodes[(nodes.index(node) + 1) % len(nodes)] if node in nodes else nodes[0]


def _refused(error: Exception) -> bool:
    """Say whether the server refused because it is not the primary, or cannot do the work of one now."""
    if isinstance(error, ReadOnlyError | BusyLoadingError | ClusterDownError):
        return True
    text = str(error)
    return text.startswith(_REFUSALS) or _IN_A_TRANSACTION in text


def _text_of(error: Exception) -> str:
    return f"the server is not the primary, or not yet: {excerpt(error)}"


def _place(found: Any) -> tuple[str, int]:
    host, port = found
    return host.decode() if isinstance(host, bytes) else str(host), int(port)


def _order(address: ServerAddress, known: Sequence[T]) -> Iterator[T]:
    """Yield which to ask, in this order; who is known to answer is the first."""
    first = _ASKED_FIRST.get(address)
    if first is not None:
        yield first
    yield from (other for other in known if other != first)


def _not_found(address: ServerAddress, reason: str) -> NoSentinelError:
    return NoSentinelError(f"no Sentinel says where {excerpt(address.name)} is; the last one: {reason}")


def _within(timeout: float | None) -> dict[str, Any]:
    seconds = timeout or _SENTINEL_SECONDS
    return {"socket_timeout": seconds, "socket_connect_timeout": seconds}


def retry_once() -> AsyncRetry:
    """Return the policy of a client for an event loop that sends again, once, only what was refused in that way."""
    return AsyncRetry(NoBackoff(), 1, supported_errors=(NotPrimaryError,))
