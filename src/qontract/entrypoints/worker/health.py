"""What the worker serves: its health, and the metrics of all its processes."""

import json
from collections.abc import Callable, Iterable
from http import HTTPStatus
from socketserver import ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from celery.signals import worker_process_init
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.multiprocess import MultiProcessCollector

from qontract.application.ports.job_queue import JobQueue, JobQueueError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing: probes come every few seconds."""


def start(host: str, port: int, queue: JobQueue) -> None:
    """Serve in threads of this process. Raises SystemExit if the port cannot be had."""
    try:
        server = make_server(host, port, _web(queue), server_class=_Server, handler_class=_Handler)
    except OSError as error:
        raise SystemExit(f"qontract: QAPI_WORKER__PORT: {host}:{port}: {error.strerror}") from None
    # A child that outlives its parent must not keep the port.
    worker_process_init.connect(lambda **_: server.socket.close(), weak=False)
    Thread(target=server.serve_forever, daemon=True).start()


def _web(queue: JobQueue) -> "WSGIApplication":
    """Return the pages: /health/live, /health/ready (Redis answers), /metrics (of all children)."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    metrics: Callable[..., Iterable[bytes]] = make_wsgi_app(registry)

    def web(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        match environ["PATH_INFO"]:
            case "/metrics":
                return metrics(environ, start_response)
            case "/health/live":
                status, body = HTTPStatus.OK, {"status": "ok"}
            case "/health/ready" if _answers(queue):
                status, body = HTTPStatus.OK, {"status": "ok"}
            case "/health/ready":
                status, body = HTTPStatus.SERVICE_UNAVAILABLE, {"status": "failed", "job_queue": "does not answer"}
            case _:
                status, body = HTTPStatus.NOT_FOUND, {"status": "not found"}
        start_response(f"{status.value} {status.phrase}", [("Content-Type", "application/json")])
        return [json.dumps(body).encode()]

    return web


def _answers(queue: JobQueue) -> bool:
    try:
        queue.result("readiness-probe")
    except JobQueueError:
        return False
    return True
