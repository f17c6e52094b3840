"""Health and metrics: the same pages in every process, which answer in time whatever hangs."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from qontract.application.ports.server_check import ServerCheck, ServerState
from qontract.entrypoints.metrics import CONTENT_TYPE

log = logging.getLogger(__name__)

READY_SECONDS = 2
"""How long Redis may take to answer."""

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


async def ready_if(server: ServerCheck) -> Mapping[str, Any]:
    """Say whether the server does what the process needs, or what is wrong."""
    state = await check_server(server)
    problem = state.refused or state.failing
    return {"status": "failed", "redis": problem} if problem else OK


async def check_server(server: ServerCheck) -> ServerState:
    """Return the state of the server. One that hangs does not answer; its thread is left behind."""
    try:
        with anyio.fail_after(READY_SECONDS):
            return await anyio.to_thread.run_sync(server.state, abandon_on_cancel=True)
    except TimeoutError:
        return ServerState(failing="Redis does not answer")


def refuse_to_start(server: ServerCheck) -> None:
    """Raise SystemExit, with what to do, if the server never does what the process needs; one may be away."""
    state = server.state()
    if state.refused:
        raise SystemExit(f"qontract: {state.setting}: {state.refused}")
    if state.failing:
        log.warning("process cannot use Redis yet; readiness says when it can", extra={"error": state.failing})


async def _turns() -> Mapping[str, Any]:
    return OK


def _page(health: Health) -> Callable[[Request], Awaitable[Response]]:
    async def page(_: Request) -> Response:
        return answer(await health())

    return page
