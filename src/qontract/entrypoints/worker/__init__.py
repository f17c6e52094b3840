"""The worker: runs jobs, and serves its health and metrics.

    celery -A qontract.entrypoints.worker worker

`app` is the Celery application.
"""

import atexit
import logging
import os
import shutil
import sys
import tempfile
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from celery import Celery
from celery.signals import setup_logging, worker_init, worker_process_shutdown

from qontract.application import tracing
from qontract.entrypoints.logs import configure_logs

if TYPE_CHECKING:
    from qontract.entrypoints.container import Container


def create_app(container: "Container | None" = None) -> Celery:
    """Return the Celery application. Its worker also serves health and metrics, and forks the recovery process."""
    _share_metrics_between_processes()
    from qontract.entrypoints.container import get_container  # noqa: PLC0415 - its metrics are shared from here on
    from qontract.entrypoints.integrations import stale  # noqa: PLC0415 - as above
    from qontract.entrypoints.worker import health, recovery  # noqa: PLC0415 - as above

    container = container or get_container()
    settings = container.settings()
    tracing.trace_with(container.tracer("qontract-worker"))
    app: Celery = container.worker_job_queue().app
    app.conf.worker_concurrency = settings.worker.concurrency

    def begin(sender: Any, **_: Any) -> None:
        if sender.app is app:
            recovery.start(container)  # first: what it is forked from has no thread yet, nor anything open
            # Probes have a client of their own: a child that is forked while one holds a lock of it waits for ever.
            server = container.server_check("worker", writes=True)
            made = container.integrations()
            unread = partial(stale, container.installed_integrations().classes, made.current)
            health.start(settings.worker.host, settings.worker.port, server, made.refused, unread)

    setup_logging.connect(partial(_configure_logs, settings.log_level), weak=False)
    worker_init.connect(begin, weak=False)
    worker_process_shutdown.connect(lambda **_: tracing.close(), weak=False)
    return app


@cache
def _app() -> Celery:
    _share_metrics_between_processes()
    from qontract.entrypoints.container import get_container  # noqa: PLC0415 - its metrics are shared from here on

    _configure_logs(get_container().settings().log_level)  # Celery asks for it when the integrations are made already
    return create_app()


def _configure_logs(level: str, **_: Any) -> None:
    """Log as all processes do. Celery's lines about each message are left out: the queue logs what matters."""
    configure_logs(level)
    for chatty in ("celery.worker.strategy", "celery.app.state"):
        logging.getLogger(chatty).setLevel(logging.ERROR)


def _share_metrics_between_processes() -> None:
    """Let the children of the worker count into files, which the parent adds up; before any metric is made."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        directory = os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="qontract-metrics-")
        atexit.register(_remove, directory, owner=os.getpid())


def _remove(directory: str, *, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(directory, ignore_errors=True)


def main(app: Celery | None = None) -> None:
    """Run jobs until SIGTERM, and let those at work end. Exits with Celery's own code: 0 if all was well."""
    workers: list[Any] = []
    worker_init.connect(lambda sender, **_: workers.append(sender), weak=False)  # worker_main does not return it
    (app or _app()).worker_main(["--quiet", "worker", "--without-gossip", "--without-mingle", "--without-heartbeat"])
    sys.exit(workers[0].exitcode if workers else 1)


def __getattr__(name: str) -> Any:
    """Make `app` when it is asked for (PEP 562), and not when the module is imported."""
    if name == "app":
        return _app()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
