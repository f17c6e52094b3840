"""For those who run it: health, metrics and documents. No token is needed, and nothing here is secret."""

from collections.abc import Collection

import anyio
import anyio.to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from qontract.application.ports.job_queue import JobQueue, JobQueueError
from qontract.entrypoints.metrics import CONTENT_TYPE, Measure, exposition
from qontract.entrypoints.pages import openapi_page

_READY_SECONDS = 2


def router(queue: JobQueue, measure: Measure | None, refused: Collection[str]) -> APIRouter:
    """Return the routes. `measure` says how far every subscription has come; None: no event is kept.

    `refused` names what installed packages bring and cannot be used.
    """
    routes = APIRouter(tags=["operation"])

    @routes.get("/health/live")
    async def live() -> dict[str, str]:
        """Tell that the process turns."""
        return {"status": "ok"}

    @routes.get("/health/ready", responses={503: {"description": "The job queue does not answer"}})
    async def ready() -> JSONResponse:
        """Tell whether jobs can be accepted, and what of the installed packages cannot be used."""
        body = {"refused": sorted(refused)}
        try:
            with anyio.fail_after(_READY_SECONDS):
                await anyio.to_thread.run_sync(queue.result, "readiness-probe", abandon_on_cancel=True)
        except (JobQueueError, TimeoutError):
            return JSONResponse({"status": "failed", "job_queue": "does not answer"} | body, 503)
        return JSONResponse({"status": "ok"} | body)

    @routes.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Tell Prometheus."""
        return Response(await exposition(measure), media_type=CONTENT_TYPE)

    @routes.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        return HTMLResponse(openapi_page(request.app.openapi(), "openapi.json"))

    return routes
