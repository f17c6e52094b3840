"""Health and metrics: the same pages in every process, which answer in time whatever hangs."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from qontract.application.ports.job_queue import JobQueue, JobQueueError
from qontract.entrypoints.metrics import CONTENT_TYPE

READY_SECONDS = 2
"""How long the job queue may take to answer."""

Health = Callable[[], Awaitable[Mapping[str, Any]]]
"""Returns what a page says; its `status` is "ok" if all is well."""

OK: Mapping[str, Any] = {"status": "ok"}


def application(*, ready: Health, metrics: Callable[[], Awaitable[bytes]], live: Health | None = None) -> Starlette:
    """Return what serves `/health/live`, `/health/ready` and `/metrics`. Without `live`, the process turns: no more."""

    async def page(_: Request) -> Response:
        return Response(await metrics(), media_type=CONTENT_TYPE)

    return Starlette(
        routes=[
            Route("/health/live", _page(live or _turns)),
            Route("/health/ready", _page(ready)),
            Route("/metrics", page),
        ]
    )


def answer(body: Mapping[str, Any]) -> JSONResponse:
    """Return the answer that says so: 503 if all is not well."""
    return JSONResponse(body, 200 if body["status"] == "ok" else 503)


async def ready_if_answers(queue: JobQueue) -> Mapping[str, Any]:
    """Say whether the job queue answers. One that hangs does not; its thread is left behind."""
    try:
        with anyio.fail_after(READY_SECONDS):
            await anyio.to_thread.run_sync(queue.result, "readiness-probe", abandon_on_cancel=True)
    except (JobQueueError, TimeoutError):
        return {"status": "failed", "job_queue": "does not answer"}
    return OK


async def _turns() -> Mapping[str, Any]:
    return OK


def _page(health: Health) -> Callable[[Request], Awaitable[Response]]:
    async def page(_: Request) -> Response:
        return answer(await health())

    return page
