"""Serving over HTTP, the same way in every process."""

import logging
import signal
import socket
import sys
from collections.abc import Callable
from threading import Thread
from time import monotonic, sleep
from types import FrameType
from typing import Any

import uvicorn

from qontract.entrypoints.serving.connections import ACCEPTED_AT_ONCE, BoundedConnection, OncePerPeriod, bounded
from qontract.entrypoints.serving.secure_headers import SecureHeaders

log = logging.getLogger(__name__)

_START_SECONDS = 5
_GRACE_SECONDS = 5
"""How long requests have to end after SIGTERM."""


class _Server(uvicorn.Server):
    """Says that it is to end before it waits for the requests under way."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._on_stop()
        super().handle_exit(sig, frame)


def serve(
    app: Any,
    host: str,
    port: int,
    *,
    on_stop: Callable[[], None] = lambda: None,
    connections: int = 500,
    head_seconds: float = 10,
    body_seconds: float = 60,
) -> None:
    """Serve an ASGI application until SIGTERM or Ctrl-C; end with exit code 0 when it has shut down.

    `on_stop` is called first: so that requests that wait can be answered. The rest bounds what connections cost.
    """
    # uvicorn raises the signal again, after it has shut down.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    log.info("server listens", extra={"host": host, "port": port})
    limits = bounded(most=connections, head_seconds=head_seconds, body_seconds=body_seconds)
    server = _Server(_config(app, limits, host=host, port=port), on_stop)
    server.run()
    if not server.started:
        sys.exit(1)


def listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises OSError if the port cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=ACCEPTED_AT_ONCE)


def serve_in_thread(app: Any, listening: socket.socket) -> None:
    """Serve a small ASGI application beside what the process is for, until that ends.

    What serving imports is imported when this returns: a child that is forked while a thread imports something waits
    for that import for ever.
    """
    config = _config(app, bounded(most=200, head_seconds=10, body_seconds=10))
    config.load()
    server = uvicorn.Server(config)
    Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
    deadline = monotonic() + _START_SECONDS
    while not server.started and monotonic() < deadline:
        sleep(0.01)


def _config(app: Any, limits: type[BoundedConnection], **where: Any) -> uvicorn.Config:
    logging.getLogger("asyncio").addFilter(OncePerPeriod())
    return uvicorn.Config(
        SecureHeaders(app),
        http=limits,
        ws="none",
        backlog=ACCEPTED_AT_ONCE,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        **where,
    )
