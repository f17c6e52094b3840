"""The HTTP API.

uvicorn qontract.entrypoints.api:app
"""

from functools import cache
from importlib.metadata import version
from threading import Event
from typing import Any

from fastapi import FastAPI

from qontract.entrypoints.api import operation, slack_usergroups
from qontract.entrypoints.api.auth import scopes_in
from qontract.entrypoints.api.middleware import LimitedBody, Observed
from qontract.entrypoints.api.problems import add_problems
from qontract.entrypoints.container import Container, get_container
from qontract.entrypoints.logs import configure_logs
from qontract.entrypoints.serve import serve


def create_app(container: Container | None = None) -> FastAPI:
    """Return the ASGI application. Raises SystemExit if the settings lack a secret for the tokens."""
    container = container or get_container()
    settings = container.settings()
    queue = container.job_queue()
    app = FastAPI(title="qontract", version=version("qontract"), docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.stopping = Event()
    add_problems(app)
    app.add_middleware(LimitedBody, limit=settings.api.max_body_bytes)
    app.add_middleware(Observed)  # the last is the outermost
    app.include_router(slack_usergroups.router(queue, scopes_in(settings.auth)))
    app.include_router(operation.router(queue))
    return app


@cache
def _app() -> FastAPI:
    configure_logs(get_container().settings().log_level)
    return create_app()


def main() -> None:
    """Serve until SIGTERM."""
    app = _app()
    api = get_container().settings().api
    serve(app, api.host, api.port, on_stop=app.state.stopping.set)


def __getattr__(name: str) -> Any:
    """Make `app` when it is asked for (PEP 562), and not when the module is imported."""
    if name == "app":
        return _app()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
