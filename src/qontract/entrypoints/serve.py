"""Serving over HTTP, the same way in every process."""

import logging
import signal
import sys
from typing import Any

import uvicorn

log = logging.getLogger(__name__)

_GRACE_SECONDS = 5
"""How long requests have to end after SIGTERM; those that wait for a job are then cut off."""


def serve(app: Any, host: str, port: int) -> None:
    """Serve an ASGI application until SIGTERM or Ctrl-C; end with exit code 0 when it has shut down."""
    # uvicorn raises the signal again, after it has shut down.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    log.info("serving", extra={"host": host, "port": port})
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
