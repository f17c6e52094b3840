"""The worker: runs jobs, and serves its health and metrics.

    celery -A qontract.entrypoints.worker worker

`app` is the Celery application.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from socketserver import ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from celery import Celery
from celery.signals import setup_logging, worker_ready

from qontract.entrypoints.logs import configure_logs

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from qontract.application.ports.job_queue import JobQueue
    from qontract.entrypoints.settings import Settings


@cache
def _app() -> Celery:
    _share_metrics_between_processes()
    from qontract.entrypoints.container import get_container  # noqa: PLC0415 - its metrics are shared from here on

    container = get_container()
    settings: Settings = container.settings()
    queue = container.job_queue()
    app: Celery = queue.app
    app.conf.worker_concurrency = settings.worker.concurrency
    setup_logging.connect(lambda **_: configure_logs(settings.log_level), weak=False)
    worker_ready.connect(lambda **_: _serve(settings.worker.host, settings.worker.port, queue), weak=False)
    return app


def _share_metrics_between_processes() -> None:
    """Let the children of the worker count into files, which the parent adds up; before any metric is made."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        directory = os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="qontract-metrics-")
        atexit.register(_remove, directory, owner=os.getpid())


def _remove(directory: str, *, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(directory, ignore_errors=True)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing: probes come every few seconds."""


def _serve(host: str, port: int, queue: "JobQueue") -> None:
    server = make_server(host, port, _web(queue), server_class=_Server, handler_class=_Handler)
    Thread(target=server.serve_forever, daemon=True).start()


def _web(queue: "JobQueue") -> "WSGIApplication":
    """Return the pages: /health/live, /health/ready (Redis answers), /metrics (of all children)."""
    from prometheus_client import CollectorRegistry, make_wsgi_app  # noqa: PLC0415 - after its directory is set
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    metrics: Callable[..., Iterable[bytes]] = make_wsgi_app(registry)

    def web(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return metrics(environ, start_response)
        status = "404 Not Found"
        if path == "/health/live" or (path == "/health/ready" and _answers(queue)):
            status = "200 OK"
        elif path == "/health/ready":
            status = "503 Service Unavailable"
        start_response(status, [("Content-Type", "text/plain")])
        return [status.encode()]

    return web


def _answers(queue: "JobQueue") -> bool:
    from qontract.application.ports.job_queue import JobQueueError  # noqa: PLC0415

    try:
        queue.result("readiness")
    except JobQueueError:
        return False
    return True


def main() -> None:
    """Run jobs until SIGTERM, and let those at work end."""
    _app().worker_main(["worker", "--loglevel=INFO", "--without-gossip", "--without-mingle", "--without-heartbeat"])


def __getattr__(name: str) -> Any:
    """Make `app` when it is asked for (PEP 562), and not when the module is imported."""
    if name == "app":
        return _app()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "__main__":
    main()
