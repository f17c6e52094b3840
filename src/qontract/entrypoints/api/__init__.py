"""The HTTP API.

uvicorn qontract.entrypoints.api:app
"""

from functools import cache
from typing import Any

import anyio.to_thread
import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from qontract.application.ports.job_queue import JobQueueError
from qontract.entrypoints.api import slack_usergroups
from qontract.entrypoints.api.auth import scopes_in
from qontract.entrypoints.api.middleware import LimitedBody, Observed
from qontract.entrypoints.api.problems import add_problems
from qontract.entrypoints.container import Container, get_container
from qontract.entrypoints.logs import configure_logs
from qontract.entrypoints.pages import openapi_page


def create_app(container: Container | None = None) -> FastAPI:
    """Return the ASGI application. Raises SystemExit if the settings lack a secret for the tokens."""
    container = container or get_container()
    settings = container.settings()
    queue = container.job_queue()
    app = FastAPI(title="qontract", version="0.1.0", docs_url=None, redoc_url=None, redirect_slashes=False)
    add_problems(app)
    app.add_middleware(LimitedBody, limit=settings.api.max_body_bytes)
    app.add_middleware(Observed)
    app.include_router(slack_usergroups.router(queue, scopes_in(settings.auth)), prefix="/api/v1")

    @app.get("/health/live", tags=["operation"])
    async def live() -> dict[str, str]:
        """Tell that the process turns."""
        return {"status": "ok"}

    @app.get("/health/ready", tags=["operation"])
    async def ready() -> JSONResponse:
        """Tell whether jobs can be accepted."""
        try:
            await anyio.to_thread.run_sync(queue.result, "readiness")
        except JobQueueError:
            return JSONResponse({"status": "failed", "job_queue": "cannot be reached"}, 503)
        return JSONResponse({"status": "ok"})

    @app.get("/metrics", tags=["operation"], response_class=Response)
    async def metrics() -> Response:
        """Tell Prometheus."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(openapi_page(app.openapi(), "openapi.json"), media_type="text/html")

    return app


@cache
def _app() -> FastAPI:
    configure_logs(get_container().settings().log_level)
    return create_app()


def main() -> None:
    """Serve until SIGTERM."""
    app = _app()
    api = get_container().settings().api
    uvicorn.run(app, host=api.host, port=api.port, log_config=None, access_log=False, server_header=False)


def __getattr__(name: str) -> Any:
    """Make `app` when it is asked for (PEP 562), and not when the module is imported."""
    if name == "app":
        return _app()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
