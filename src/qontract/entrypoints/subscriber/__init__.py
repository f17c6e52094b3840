"""The subscriber: runs the subscriptions, and plain FastStream handlers beside them.

    uvicorn qontract.entrypoints.subscriber:app

`broker` is the FastStream broker of the process: `@broker.subscriber("main")` on a function that takes an Event. The
modules of such handlers that `QAPI_SUBSCRIBER__MODULES` names, `["acme.live"]`, are imported before `app` is made.
"""

import logging
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faststream.asgi import AsgiFastStream
    from faststream.redis import RedisBroker

    from qontract.entrypoints.container import Container

    app: AsgiFastStream
    broker: RedisBroker

log = logging.getLogger(__name__)


def create_app(container: "Container | None" = None) -> "AsgiFastStream":
    """Return the ASGI application; its subscriptions run from its start-up to its shutdown.

    Raises SystemExit if a module that the settings name cannot be imported.
    """
    from qontract.application.tracing import trace_with
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.subscriber.asgi import application

    container = container or get_container()
    trace_with(container.tracer("qontract-subscriber"))
    _import_modules(container.settings().subscriber.modules)
    return application(container)


def main() -> None:
    """Serve until SIGTERM."""
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.serving import health, serve

    app, settings = _app(), get_container().settings().subscriber
    health.refuse_to_start(get_container().server_check("subscriber", writes=False))
    serve(app, settings.host, settings.port)


def _app() -> "AsgiFastStream":
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.logs import configure_logs

    settings = get_container().settings()
    configure_logs(settings.log_level)
    _import_modules(settings.subscriber.modules)  # before `_made`: one that imports `app` gets the one that is served
    return _make_app()


@cache
def _make_app() -> "AsgiFastStream":
    from qontract.entrypoints.subscriber.deliveries import tune_garbage_collector

    app = create_app()
    tune_garbage_collector()
    return app


def _import_modules(names: Iterable[str]) -> None:
    for name in names:
        try:
            import_module(name)
        except Exception as error:
            log.debug("module cannot be imported", exc_info=True, extra={"module_name": name})
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise SystemExit(f"qontract: QAPI_SUBSCRIBER__MODULES: {name}: {reason}") from error


def __getattr__(name: str) -> Any:
    """Make `app` and `broker` when they are asked for (PEP 562), and not when the module is imported."""
    from qontract.entrypoints.container import get_container

    if name == "app":
        return _app()
    if name == "broker":
        return get_container().faststream_broker()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
