"""Serving over HTTP, the same way in every process."""

import logging
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn

from qontract.entrypoints.connections import ACCEPTED_AT_ONCE, Seldom, bounded
from qontract.entrypoints.secure_headers import SecureHeaders

log = logging.getLogger(__name__)

_GRACE_SECONDS = 5
"""How long requests have to end after SIGTERM."""


class _Server(uvicorn.Server):
    """Tells that it is to end before it waits for the requests under way."""

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
    log.info("serving", extra={"host": host, "port": port})
    logging.getLogger("asyncio").addFilter(Seldom())
    config = uvicorn.Config(
        SecureHeaders(app),
        host=host,
        port=port,
        http=bounded(most=connections, head_seconds=head_seconds, body_seconds=body_seconds),
        ws="none",
        backlog=ACCEPTED_AT_ONCE,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config, on_stop)
    server.run()
    if not server.started:
        sys.exit(1)
