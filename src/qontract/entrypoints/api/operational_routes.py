"""For those who run it: health, metrics and documents. No token is needed, and nothing here is secret."""

from collections.abc import Callable, Collection

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from qontract.application.ports.job_admin import JobAdmin
from qontract.application.ports.server_check import ServerCheck
from qontract.entrypoints.metrics import CONTENT_TYPE, Measure, exposition
from qontract.entrypoints.serving import health
from qontract.entrypoints.serving.api_docs_pages import (
    SWAGGER_CSP,
    SWAGGER_FILES,
    SWAGGER_SCRIPT,
    swagger_file,
    swagger_page,
)


def router(
    server: ServerCheck,
    kept: JobAdmin,
    measure: Measure | None,
    refused: Collection[str],
    tokens: health.Health | None = None,
) -> APIRouter:
    """Return the routes. `measure` says how far every subscription has come; None: no event is kept.

    `refused` names what installed packages bring and cannot be used. `tokens` says what readiness is to say of them.
    """
    routes = APIRouter(tags=["operation"])

    @routes.get("/health/live")
    async def live() -> dict[str, str]:
        """Show that the process runs."""
        return {"status": "ok"}

    @routes.get(
        "/health/ready", responses={503: {"description": "Redis does not do what is needed, or no token can be judged"}}
    )
    async def ready() -> JSONResponse:
        """Show whether jobs can be accepted, and what of the installed packages cannot be used."""
        body = {**await health.ready_if(server), "refused": sorted(refused)}
        return health.answer({**body, **(await tokens() if tokens else {})})

    @routes.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Return the metrics, for Prometheus."""
        return Response(await exposition(measure, kept.counts), media_type=CONTENT_TYPE)

    @routes.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        return HTMLResponse(swagger_page(request.app.title), headers={"content-security-policy": SWAGGER_CSP})

    @routes.get("/docs/page.js", include_in_schema=False)
    async def page() -> Response:
        return Response(SWAGGER_SCRIPT, media_type="text/javascript")

    for name, media_type in SWAGGER_FILES.items():
        routes.add_api_route(f"/docs/{name}", _file(name, media_type), include_in_schema=False)
    return routes


def _file(name: str, media_type: str) -> Callable[[], Response]:
    def file() -> Response:
        return Response(swagger_file(name), media_type=media_type, headers={"cache-control": "max-age=3600"})

    return file
