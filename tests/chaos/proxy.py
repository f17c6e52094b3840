"""A TCP proxy on this machine, whose connections can be cut and stalled."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import anyio
from anyio.abc import ByteStream, Listener, SocketListener
from anyio.from_thread import start_blocking_portal
from anyio.streams.tls import TLSListener


class Proxy:
    """Forwards each connection to the port `upstream`, while the body of `running` runs; `tls`: what clients speak."""

    def __init__(self, upstream: int, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._upstream = upstream
        self._connections: set[anyio.CancelScope] = set()

    def cut(self) -> None:
        """Close every connection; new ones are accepted."""
        self._portal.call(self._cut)

    def move(self, upstream: int) -> None:
        """Forward new connections to another port; those that are open stay where they are, as when a name moves."""
        self._upstream = upstream

    def _cut(self) -> None:
        for connection in self._connections:
            connection.cancel()

    def stall(self, seconds: float) -> None:
        """Keep every connection open, and forward nothing for so long."""
        self._portal.start_task_soon(self._stall, seconds)

    async def _stall(self, seconds: float) -> None:
        flowing = self._flowing = anyio.Event()
        await anyio.sleep(seconds)
        flowing.set()

    async def _forward(self, client: ByteStream) -> None:
        with anyio.CancelScope() as connection, suppress(OSError):
            self._connections.add(connection)
            async with (
                client,
                await anyio.connect_tcp("127.0.0.1", self._upstream) as server,
                anyio.create_task_group() as pumps,
            ):
                pumps.start_soon(self._pump, client, server, connection)
                pumps.start_soon(self._pump, server, client, connection)
        self._connections.discard(connection)

    async def _pump(self, source: ByteStream, sink: ByteStream, connection: anyio.CancelScope) -> None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async for data in source:
                await self._flowing.wait()
                await sink.send(data)
        connection.cancel()

    async def _serve(self) -> None:
        await self._stall(0)
        plain = await SocketListener.from_socket(self._socket)
        listener: Listener[ByteStream] = (
            TLSListener(plain, self._tls, standard_compatible=False) if self._tls else plain
        )
        async with listener:
            await listener.serve(self._forward)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Forward while the body runs."""
        with start_blocking_portal() as self._portal:
            serving = self._portal.start_task_soon(self._serve)
            try:
                yield
            finally:
                if not serving.cancel():
                    serving.result()
