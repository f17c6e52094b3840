"""Any integration over HTTP: accept a desired state, show its result."""

import logging
import re
from collections.abc import Callable, Mapping
from functools import partial
from threading import Event
from typing import Annotated, Any, TypeVar

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from qontract.application import tracing
from qontract.application.ports.integration import AnyIntegration
from qontract.application.ports.job_queue import JobQueue
from qontract.application.reconcile import job
from qontract.domain.integration import DesiredState
from qontract.domain.jobs import Job, JobResult, JobStatus
from qontract.entrypoints.api.auth import ClaimsOf, Right, may, require, require_any
from qontract.entrypoints.api.json_body import json_body, validated
from qontract.entrypoints.api.limits import Limits
from qontract.entrypoints.api.long_polling import NO_SUCH_JOB, LongPoller
from qontract.entrypoints.api.middleware import correlation_id
from qontract.entrypoints.api.problems import documented
from qontract.entrypoints.settings.groups import ApiSettings
from qontract.entrypoints.tokens import Claims

log = logging.getLogger(__name__)

PREFIX = "/api/v1/integrations"

_MAX_WAIT = 300
_JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNKNOWN = re.compile(rf"{PREFIX}/([^/]{{1,100}})/reconcile(/[^/]*)?")

_LARGE_BYTES = 100_000
"""A body of so many counts as a request more, and those that are larger are checked one after the other."""
_BODIES_AT_ONCE = 16
"""How many are in memory, at their largest."""

T = TypeVar("T")


class Accepted(BaseModel):
    """A job that was accepted, and where to ask for its result."""

    id: str
    status: JobStatus
    status_url: str


class ReconcileDependencies:
    """What the routes of all integrations share: the queue, who asks, and how much may be asked for."""

    def __init__(self, queue: JobQueue, claims_of: ClaimsOf, settings: ApiSettings, stopping: Event) -> None:
        self._queue = queue
        self.claims_of = claims_of
        self.limits = Limits(
            per_second=settings.requests_per_second,
            at_once=settings.requests_at_once,
            open_jobs=settings.open_jobs,
        )
        self.waiting = LongPoller(self.result, most=settings.waiting_requests, stopping=stopping)
        self._bodies = anyio.CapacityLimiter(_BODIES_AT_ONCE)
        self._large = anyio.CapacityLimiter(1)

    def caller(self, integration: str) -> ClaimsOf:
        """Return a dependency: the claims of who may at least plan something, and has not asked for too much."""

        async def caller(claims: Annotated[Claims, Depends(self.claims_of)]) -> Claims:
            self.limits.count(claims.subject)
            require_any(claims, integration, "plan")
            return claims

        return caller

    async def desired(self, request: Request, caller: Claims, integration: type[AnyIntegration]) -> DesiredState[Any]:
        """Return what a request desires, if its caller may have that."""
        async with self._bodies:
            body = await json_body(request)
            self.limits.count(caller.subject, len(body) // _LARGE_BYTES)
            limiter = self._large if len(body) > _LARGE_BYTES else None
            desired = await anyio.to_thread.run_sync(validated, body, integration.desired, limiter=limiter)
        right: Right = "plan" if desired.dry_run else "apply"
        require(caller, integration.name, right, desired.scopes())
        return desired

    async def submit(self, make: Callable[[], Job], integration: str, subject: str) -> Job:
        """Submit a job, unless too many of the subject have not ended."""
        await self.limits.admit_job(subject, self.result)

        def submit() -> Job:
            with tracing.submitting(integration):
                made = make()
                self._queue.submit(made)
            return made

        submitted = await anyio.to_thread.run_sync(submit)
        self.limits.add_job(subject, submitted.id)
        return submitted

    async def result(self, job_id: str) -> JobResult | None:
        """Return how far a job has come."""
        return await anyio.to_thread.run_sync(self._queue.result, job_id)

    async def require_result(self, caller: Claims, integration: str, job_id: str) -> None:
        """Answer 404 unless there is this job of the integration, and the caller may see it.

        The queue is asked for what can be an id only.
        """
        about = await anyio.to_thread.run_sync(self._queue.about, job_id) if _JOB_ID.fullmatch(job_id) else None
        if not (about and about.integration == integration and may(caller, integration, "plan", about.scopes)):
            raise HTTPException(404, NO_SUCH_JOB)


def path(integration: str) -> str:
    """Return where desired states of the integration are posted to."""
    return f"{PREFIX}/{integration}/reconcile"


def router(integration: type[AnyIntegration], desk: ReconcileDependencies) -> APIRouter:
    """Return the routes of an integration. All want a valid token, before anything is read."""
    name = integration.name
    routes = _routes(name, desk)

    @routes.post("/reconcile", status_code=202, responses=documented(415))
    async def reconcile(
        request: Request,
        response: Response,
        caller: Annotated[Claims, Depends(desk.caller(name))],
        correlation_id: Annotated[str, Depends(correlation_id)],
    ) -> Accepted:
        """Accept a desired state. The worker plans it, and applies the plan unless it is a dry run.

        To plan is to read: the result of a dry run has members and ids of what it names.
        """
        desired = await desk.desired(request, caller, integration)
        make = partial(job, integration, desired, correlation_id=correlation_id, requested_by=caller.subject)
        accepted = await desk.submit(make, name, caller.subject)
        about = {"job_id": accepted.id, "integration": name, "dry_run": desired.dry_run}
        log.info("job accepted", extra=about | {"requested_by": caller.subject, "reason": desired.reason})
        status_url = f"{request.scope['path']}/{accepted.id}"
        response.headers["location"] = status_url
        return Accepted(id=accepted.id, status=JobStatus.PENDING, status_url=status_url)

    return routes


def refused_router(name: str, reason: str, desk: ReconcileDependencies) -> APIRouter:
    """Return the routes of an integration that cannot be used: it takes nothing, and says why.

    The results of what it took before can be asked for.
    """
    routes = _routes(name, desk)

    @routes.post("/reconcile", dependencies=[Depends(desk.caller(name))], include_in_schema=False)
    async def reconcile() -> None:
        raise HTTPException(503, f"The integration {name} cannot be used: {reason}")

    return routes


def _routes(name: str, desk: ReconcileDependencies) -> APIRouter:
    """Return a router with the route for results."""
    errors = documented(400, 401, 403, 408, 413, 422, 429, 503)
    routes = APIRouter(prefix=f"{PREFIX}/{name}", tags=[name], responses=errors)

    @routes.get("/reconcile/{job_id}", responses=documented(404), response_model=JobResult)
    async def result(
        request: Request,
        job_id: str,
        caller: Annotated[Claims, Depends(desk.caller(name))],
        seconds: Annotated[float | None, Query(alias="timeout", ge=0, le=_MAX_WAIT, allow_inf_nan=False)] = None,
    ) -> Response:
        """Show how far the job has come. With `timeout`, wait so many seconds for its end."""
        await desk.require_result(caller, name, job_id)
        found = await desk.result(job_id)
        if found is None:
            raise HTTPException(404, NO_SUCH_JOB)
        body = found.model_dump_json().encode()
        if not found.status.final and seconds is not None:
            ended = await desk.waiting.end_of(job_id, seconds, request.is_disconnected) if seconds else None
            if ended is None:
                raise HTTPException(408, "The job has not ended yet; ask again.")
            body = ended
        return Response(body, media_type="application/json")

    return routes


def unknown_path(installed: Mapping[str, type[AnyIntegration]]) -> ASGIApp:
    """Return what answers a path that is none: for an integration that is not there, with those that are."""

    async def answer(scope: Scope, _: Receive, __: Send) -> None:
        if unknown := _UNKNOWN.fullmatch(scope["path"]):
            names = ", ".join(sorted(installed)) or "none"
            raise HTTPException(404, f"No integration {unknown[1]!r} is installed; installed: {names}.")
        raise HTTPException(404)

    return answer
