"""The HTTP API.

uvicorn qontract.entrypoints.api:app
"""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

    from qontract.entrypoints.container import Container


def create_app(container: "Container | None" = None) -> "FastAPI":
    """Return the ASGI application. Raises SystemExit if the settings lack a secret for the tokens."""
    from qontract.application.tracing import trace_with
    from qontract.entrypoints.api.asgi import application
    from qontract.entrypoints.container import get_container

    container = container or get_container()
    trace_with(container.tracer("qontract-api"))
    return application(container)


def main() -> None:
    """Serve until SIGTERM."""
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.serving import health, serve

    app, api = _app(), get_container().settings().api
    health.refuse_to_start(get_container().server_check("api", writes=True))
    serve(
        app,
        api.host,
        api.port,
        on_stop=app.state.stopping.set,
        connections=api.connections,
        head_seconds=api.head_seconds,
        body_seconds=api.body_seconds,
    )


@cache
def _app() -> "FastAPI":
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.logs import configure_logs

    configure_logs(get_container().settings().log_level)
    return create_app()


def __getattr__(name: str) -> Any:
    """Make `app` when it is asked for (PEP 562), and not when the module is imported."""
    if name == "app":
        return _app()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
