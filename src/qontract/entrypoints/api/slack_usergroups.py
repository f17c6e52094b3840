"""Slack usergroups over HTTP: accept a desired state, tell how it went."""

import logging
import re
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BaseModel

from qontract.application.ports.job_queue import JobQueue
from qontract.application.slack_usergroups import INTEGRATION, job
from qontract.domain.jobs import JobResult, JobStatus
from qontract.domain.slack_usergroups import DesiredState
from qontract.entrypoints.api.auth import APPLY, PLAN, ScopesIn, require
from qontract.entrypoints.api.problems import documented
from qontract.entrypoints.api.routing import integration_router

log = logging.getLogger(__name__)

_LONGEST_WAIT = 300
_LONGEST_PAUSE = 0.5
_JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Accepted(BaseModel):
    """A job that was accepted, and where to ask for its result."""

    id: str
    status: JobStatus
    status_url: str


def router(queue: JobQueue, scopes_in: ScopesIn) -> APIRouter:
    """Return the routes; jobs go to the queue."""
    routes = integration_router(INTEGRATION, scopes_in)

    @routes.post("/reconcile", status_code=202, responses=documented(415))
    def reconcile(request: Request, response: Response, desired: DesiredState) -> Accepted:
        """Accept a desired state. The worker plans it, and applies the plan unless it is a dry run."""
        require(request, PLAN if desired.dry_run else APPLY)
        accepted = job(desired, request.state.correlation_id)
        queue.submit(accepted)
        log.info("accepted", extra={"job_id": accepted.id, "dry_run": desired.dry_run})
        status_url = f"{request.scope['path']}/{accepted.id}"
        response.headers["location"] = status_url
        return Accepted(id=accepted.id, status=JobStatus.PENDING, status_url=status_url)

    @routes.get("/reconcile/{job_id}", responses=documented(404, 408))
    async def result(
        request: Request,
        job_id: str,
        seconds: Annotated[float | None, Query(alias="timeout", ge=0, le=_LONGEST_WAIT, allow_inf_nan=False)] = None,
    ) -> JobResult:
        """Tell how far the job has come. With `timeout`, wait so many seconds for its end."""
        require(request, PLAN)
        pause, until = 0.02, anyio.current_time() + (seconds or 0)
        while (found := await _result(queue, job_id)).status is JobStatus.PENDING and seconds is not None:
            left = until - anyio.current_time()
            if left <= 0 or request.app.state.stopping.is_set() or await request.is_disconnected():
                raise HTTPException(408, "The job has not ended yet; ask again.")
            await anyio.sleep(min(pause, left))
            pause = min(1.5 * pause, _LONGEST_PAUSE)
        return found

    return routes


async def _result(queue: JobQueue, job_id: str) -> JobResult:
    """Return the result, or answer 404. The queue is asked for what can be an id only."""
    found = await anyio.to_thread.run_sync(queue.result, job_id) if _JOB_ID.fullmatch(job_id) else None
    if found is None:
        raise HTTPException(404, "No such job was submitted, or it is too long ago.")
    return found
