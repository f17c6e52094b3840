"""Slack usergroups over HTTP: accept a desired state, tell how it went."""

from collections.abc import Callable
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel

from qontract.application.ports.job_queue import JobQueue
from qontract.application.slack_usergroups import INTEGRATION, job
from qontract.domain.jobs import JobResult, JobStatus
from qontract.domain.slack_usergroups import DesiredState
from qontract.entrypoints.api.auth import APPLY, PLAN, Scopes, require

_LONGEST_WAIT = 300
_LONGEST_PAUSE = 0.5


class Accepted(BaseModel):
    """A job that was accepted, and where to ask for its result."""

    id: str
    status: JobStatus
    status_url: str


def router(queue: JobQueue, scopes_in: Callable[..., Scopes]) -> APIRouter:
    """Return the routes; jobs go to the queue."""
    routes = APIRouter(prefix=f"/integrations/{INTEGRATION}/reconcile", tags=[INTEGRATION])
    Allowed = Annotated[Scopes, Depends(scopes_in)]  # noqa: N806 - a type

    @routes.post("", status_code=202)
    def reconcile(request: Request, response: Response, desired: DesiredState, scopes: Allowed) -> Accepted:
        """Accept a desired state. The worker plans it, and applies the plan unless it is a dry run."""
        require(scopes, *([PLAN, APPLY] if desired.dry_run else [APPLY]))
        accepted = job(desired, request.state.correlation_id)
        queue.submit(accepted)
        status_url = str(request.url_for("result", job_id=accepted.id).path)
        response.headers["location"] = status_url
        return Accepted(id=accepted.id, status=JobStatus.PENDING, status_url=status_url)

    @routes.get("/{job_id}", name="result")
    async def result(
        job_id: Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$")],
        scopes: Allowed,
        timeout: Annotated[float, Query(ge=0, le=_LONGEST_WAIT, allow_inf_nan=False)] = 0,
    ) -> JobResult:
        """Tell how far the job has come. With `timeout`, in seconds, wait so long for its end."""
        require(scopes, PLAN, APPLY)
        pause, until = 0.02, anyio.current_time() + timeout
        while True:
            found = await anyio.to_thread.run_sync(queue.result, job_id)
            if found is None:
                raise HTTPException(404, "No such job was submitted in the last day.")
            if found.status is not JobStatus.PENDING or not timeout:
                return found
            if anyio.current_time() >= until:
                raise HTTPException(408, f"The job has not ended within {timeout:g} s; ask again.")
            await anyio.sleep(min(pause, max(0, until - anyio.current_time())))
            pause = min(2 * pause, _LONGEST_PAUSE)

    return routes
