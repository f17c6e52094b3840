"""Any integration over HTTP: accept a desired state, tell how it went."""

import logging
import re
from collections.abc import Mapping
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from qontract.application.ports.job_queue import JobQueue
from qontract.application.reconcile import AnyIntegration, job
from qontract.domain.jobs import JobResult, JobStatus
from qontract.entrypoints.api.auth import ClaimsOf, require
from qontract.entrypoints.api.json_body import json_body, validated
from qontract.entrypoints.api.middleware import correlation_id
from qontract.entrypoints.api.problems import documented
from qontract.entrypoints.tokens import Claims

log = logging.getLogger(__name__)

PREFIX = "/api/v1/integrations"

_LONGEST_WAIT = 300
_LONGEST_PAUSE = 0.5
_JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNKNOWN = re.compile(rf"{PREFIX}/([^/]{{1,100}})/reconcile(/[^/]*)?")


class Accepted(BaseModel):
    """A job that was accepted, and where to ask for its result."""

    id: str
    status: JobStatus
    status_url: str


def path(integration: str) -> str:
    """Return where desired states of the integration are posted to."""
    return f"{PREFIX}/{integration}/reconcile"


def router(integration: type[AnyIntegration], queue: JobQueue, claims_of: ClaimsOf) -> APIRouter:
    """Return the routes of an integration; jobs go to the queue. All want a valid token, before anything is read."""
    name = integration.name
    routes = _routes(name, queue, claims_of)
    caller = _caller(name, claims_of)

    @routes.post("/reconcile", status_code=202, responses=documented(415))
    def reconcile(
        request: Request,
        response: Response,
        caller: Annotated[Claims, Depends(caller)],
        body: Annotated[bytes, Depends(json_body)],
        correlation_id: Annotated[str, Depends(correlation_id)],
    ) -> Accepted:
        """Accept a desired state. The worker plans it, and applies the plan unless it is a dry run."""
        desired = validated(body, integration.desired)
        if not desired.dry_run:
            require(caller, name, "apply")
        accepted = job(integration, desired, correlation_id=correlation_id, requested_by=caller.subject)
        queue.submit(accepted)
        about = {"job_id": accepted.id, "integration": name, "dry_run": desired.dry_run}
        log.info("job accepted", extra=about | {"requested_by": caller.subject, "reason": desired.reason})
        status_url = f"{request.scope['path']}/{accepted.id}"
        response.headers["location"] = status_url
        return Accepted(id=accepted.id, status=JobStatus.PENDING, status_url=status_url)

    return routes


def refused_router(name: str, reason: str, queue: JobQueue, claims_of: ClaimsOf) -> APIRouter:
    """Return the routes of an integration that cannot be used: it takes nothing, and tells why.

    The results of what it took before can be asked for.
    """
    routes = _routes(name, queue, claims_of)

    @routes.post("/reconcile", dependencies=[Depends(_caller(name, claims_of))], include_in_schema=False)
    async def reconcile() -> None:
        raise HTTPException(503, f"The integration {name} cannot be used: {reason}")

    return routes


def _routes(name: str, queue: JobQueue, claims_of: ClaimsOf) -> APIRouter:
    """Return a router with the route for results."""
    routes = APIRouter(prefix=f"{PREFIX}/{name}", tags=[name], responses=documented(400, 401, 403, 413, 422, 503))

    @routes.get("/reconcile/{job_id}", responses=documented(404, 408), dependencies=[Depends(_caller(name, claims_of))])
    async def result(
        request: Request,
        job_id: str,
        seconds: Annotated[float | None, Query(alias="timeout", ge=0, le=_LONGEST_WAIT, allow_inf_nan=False)] = None,
    ) -> JobResult:
        """Tell how far the job has come. With `timeout`, wait so many seconds for its end."""
        pause, until = 0.02, anyio.current_time() + (seconds or 0)
        while not (found := await _result(queue, job_id)).status.final and seconds is not None:
            left = until - anyio.current_time()
            if left <= 0 or request.app.state.stopping.is_set() or await request.is_disconnected():
                raise HTTPException(408, "The job has not ended yet; ask again.")
            await anyio.sleep(min(pause, left))
            pause = min(1.5 * pause, _LONGEST_PAUSE)
        return found

    return routes


def _caller(integration: str, claims_of: ClaimsOf) -> ClaimsOf:
    """Return a dependency: the claims of who may at least plan."""

    async def caller(claims: Annotated[Claims, Depends(claims_of)]) -> Claims:
        require(claims, integration, "plan")
        return claims

    return caller


async def _result(queue: JobQueue, job_id: str) -> JobResult:
    """Return the result, or answer 404. The queue is asked for what can be an id only."""
    found = await anyio.to_thread.run_sync(queue.result, job_id) if _JOB_ID.fullmatch(job_id) else None
    if found is None:
        raise HTTPException(404, "No such job was submitted, or it is too long ago.")
    return found


def unknown_path(installed: Mapping[str, type[AnyIntegration]]) -> ASGIApp:
    """Return what answers a path that is none: for an integration that is not there, with those that are."""

    async def answer(scope: Scope, _: Receive, __: Send) -> None:
        if unknown := _UNKNOWN.fullmatch(scope["path"]):
            names = ", ".join(sorted(installed)) or "none"
            raise HTTPException(404, f"No integration {unknown[1]!r} is installed; installed: {names}.")
        raise HTTPException(404)

    return answer
