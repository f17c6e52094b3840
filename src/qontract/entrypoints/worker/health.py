"""What the worker serves: its health, and the metrics of all its processes."""

import encodings.idna  # noqa: F401 - what socket imports at the first connection: see `start`
import socket
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
from celery.signals import worker_process_init
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from qontract.application.ports.server_check import ServerCheck
from qontract.entrypoints.serving import health, listener, serve_in_thread


def start(
    host: str, port: int, server: ServerCheck, refused: Collection[str], stale: Callable[[], Collection[str]]
) -> None:
    """Serve in a thread of this process: whether Redis does what is needed, and which integrations are `refused`.

    `stale` says which go on with settings that were read before, for their files are wrong now.

    Raises SystemExit if it never will, or the port cannot be had.
    """
    health.refuse_to_start(server)
    try:
        listening = listener(host, port)
    except OSError as error:
        raise SystemExit(f"qontract: QAPI_WORKER__PORT: {host}:{port}: {error.strerror}") from None
    # A child that outlives its parent must not keep the port.
    worker_process_init.connect(partial(_close, listening), weak=False)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # prometheus_client gives it no type

    async def ready() -> Mapping[str, Any]:
        unread = stale()  # here: while Redis hangs, the threads for such work are all taken
        body = {**await health.ready_if(server), "refused": sorted(refused)}
        return body | ({"stale": list(unread)} if unread else {})

    async def metrics() -> bytes:
        return await anyio.to_thread.run_sync(generate_latest, registry)

    # The first probe is made here, whatever it says, for all that it imports: a child that Celery forks while another
    # thread imports something has the lock of that import, and nobody frees it.
    anyio.run(ready)
    serve_in_thread(health.application(ready=ready, metrics=metrics), listening)


def _close(listening: socket.socket, **_: Any) -> None:
    listening.close()
