"""The worker: runs jobs, and serves its health and metrics.

    celery -A qontract.entrypoints.worker worker

`app` is the Celery application.
"""

import atexit
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import cache, partial
from http import HTTPStatus
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from socketserver import ThreadingMixIn
from threading import Thread
from time import sleep
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from celery import Celery
from celery.signals import setup_logging, worker_init, worker_process_init, worker_ready

from qontract.application.ports.job_queue import JobQueue, JobQueueError
from qontract.entrypoints.logs import configure_logs
from qontract.entrypoints.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

_SWEEP_SECONDS = 5


@cache
def _app() -> Celery:
    _share_metrics_between_processes()
    from qontract.entrypoints.container import Container, get_container  # noqa: PLC0415 - its metrics are shared from here on

    container = get_container()
    settings: Settings = container.settings()
    queue = container.job_queue()
    app: Celery = queue.app
    app.conf.worker_concurrency = settings.worker.concurrency
    setup_logging.connect(partial(_configure_logs, settings.log_level), weak=False)
    # A queue of its own: a child that is forked while a probe holds a lock of its client would wait for it for ever.
    worker_init.connect(partial(_serve, settings, Container().job_queue()), weak=False)
    worker_ready.connect(_start_sweeping, weak=False)
    return app


def _configure_logs(level: str, **_: Any) -> None:
    """Log as all processes do. Of messages that come, go and come back, the queue tells all there is to tell."""
    configure_logs(level)
    for chatty in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(chatty).setLevel(logging.ERROR)


def _share_metrics_between_processes() -> None:
    """Let the children of the worker count into files, which the parent adds up; before any metric is made."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        directory = os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="qontract-metrics-")
        atexit.register(_remove, directory, owner=os.getpid())


def _remove(directory: str, *, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(directory, ignore_errors=True)


def _start_sweeping(**_: Any) -> None:
    """Sweep in a process of its own: a fork of this one would share SQLite's locks, and those of whatever it is at."""

    def keep_sweeping() -> None:
        while True:
            process = get_context("spawn").Process(target=sweep, name="sweep", daemon=True)
            process.start()
            process.join()
            if process.exitcode in {
                None,
                -signal.SIGTERM,
            }:  # this process is ending: its exit hook ends it, or reaped it
                return
            log.error("the sweep has ended, and is begun again", extra={"exit_code": process.exitcode})
            sleep(_SWEEP_SECONDS)

    Thread(target=keep_sweeping, daemon=True).start()


def sweep() -> None:
    """Sweep at once, and again and again until the parent process has ended."""
    from qontract.entrypoints.container import get_container  # noqa: PLC0415 - as above

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the parent ends in good order, and then this
    container = get_container()
    configure_logs(container.settings().log_level)
    parent, once = parent_process(), container.sweep()
    while once and parent and parent.is_alive():
        try:
            once()
        except Exception:
            log.exception("sweep")
        wait([parent.sentinel], _SWEEP_SECONDS)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing: probes come every few seconds."""


def _serve(settings: Settings, queue: JobQueue, **_: Any) -> None:
    host, port = settings.worker.host, settings.worker.port
    try:
        server = make_server(host, port, _web(queue), server_class=_Server, handler_class=_Handler)
    except OSError as error:
        raise SystemExit(f"qontract: QAPI_WORKER__PORT: {host}:{port}: {error.strerror}") from None
    # A child that outlives its parent must not keep the port.
    worker_process_init.connect(lambda **_: server.socket.close(), weak=False)
    Thread(target=server.serve_forever, daemon=True).start()


def _web(queue: JobQueue) -> "WSGIApplication":
    """Return the pages: /health/live, /health/ready (Redis answers), /metrics (of all children)."""
    from prometheus_client import CollectorRegistry, make_wsgi_app  # noqa: PLC0415 - after its directory is set
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

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


def main() -> None:
    """Run jobs until SIGTERM, and let those at work end. Exits with Celery's own code: 0 if all was well."""
    app = _app()
    workers: list[Any] = []
    worker_init.connect(lambda sender, **_: workers.append(sender), weak=False)  # worker_main does not return it
    app.worker_main(["--quiet", "worker", "--without-gossip", "--without-mingle", "--without-heartbeat"])
    sys.exit(workers[0].exitcode if workers else 1)


def __getattr__(name: str) -> Any:
    """Make `app` when it is asked for (PEP 562), and not when the module is imported."""
    if name == "app":
        return _app()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "__main__":
    main()
