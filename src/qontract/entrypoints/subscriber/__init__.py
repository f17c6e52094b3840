"""The subscriber: runs the subscriptions, and plain FastStream handlers beside them.

    uvicorn qontract.entrypoints.subscriber:app

`broker` is the FastStream broker of the process: `@broker.subscriber("main")` on a function that takes an Event.
"""

import gc
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faststream.asgi import AsgiFastStream

    from qontract.entrypoints.container import Container


def create_app(container: "Container | None" = None) -> "AsgiFastStream":
    """Return the ASGI application; its subscriptions run from its start-up to its shutdown."""
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.subscriber.asgi import application

    return application(container or get_container())


def main() -> None:
    """Serve until SIGTERM."""
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.serve import serve

    settings = get_container().settings().subscriber
    serve(_app(), settings.host, settings.port)


@cache
def _app() -> "AsgiFastStream":
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.logs import configure_logs

    configure_logs(get_container().settings().log_level)
    app = create_app()
    gc.freeze()  # what is there now stays: looking at it again and again takes a tenth of the time of a full drain
    return app


def __getattr__(name: str) -> Any:
    """Make `app` and `broker` when they are asked for (PEP 562), and not when the module is imported."""
    from qontract.entrypoints.container import get_container

    if name == "app":
        return _app()
    if name == "broker":
        return get_container().faststream_broker()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
