"""Jobs over HTTP: those that a token may see, one of them whole; and an end to one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from qontract.application.control.jobs import EndedJobError, JobControl, UnknownJobError
from qontract.application.ports.job_admin import JobAdminError
from qontract.domain.job_views import JobView
from qontract.entrypoints.api.auth import ClaimsOf, may, require
from qontract.entrypoints.api.limits import Limits
from qontract.entrypoints.api.long_polling import NO_SUCH_JOB
from qontract.entrypoints.api.problems import documented
from qontract.entrypoints.points_in_time import point_in_time
from qontract.entrypoints.presenters.jobs import record
from qontract.entrypoints.tokens import Claims

PREFIX = "/api/v1/jobs"

Status = Literal["pending", "running", "success", "failed", "skipped", "blocked", "unreadable"]


class Wanted(BaseModel):
    """Which jobs a request is for. What is no condition is refused: whoever mistypes one is not to see all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    integration: str | None = None
    status: Status | None = None
    scope: str | None = Field(default=None, description="A workspace, an organisation, …")
    since: str | None = Field(default=None, description="When it was submitted: `2h`, or RFC 3339")
    limit: int = Field(default=100, ge=1, le=1000)


def router(jobs: JobControl, claims_of: ClaimsOf, limits: Limits) -> APIRouter:
    """Return the routes. A token sees the jobs whose results it may see, and cancels those that it might have sent."""
    routes = APIRouter(prefix=PREFIX, tags=["jobs"], responses=documented(401, 403, 422, 429, 503))

    async def caller(claims: Annotated[Claims, Depends(claims_of)]) -> Claims:
        limits.count(claims.subject)
        return claims

    asker = Depends(caller)

    @routes.get("", dependencies=[Depends(_each_once)])
    def latest(claims: Annotated[Claims, asker], wanted: Annotated[Wanted, Query()]) -> Response:
        """List the jobs that the token may see, newest first, without their actions. It looks at 10,000 at most."""
        moment = _moment(wanted.since)
        with _translated():
            found = jobs.latest(
                limit=wanted.limit,
                integration=wanted.integration,
                status=wanted.status,
                scope=wanted.scope,
                since=moment,
                visible=lambda view: _sees(claims, view),
            )
            return _json({"jobs": [record(view, whole=False) for view in found]})

    @routes.get("/{job_id}", responses=documented(404))
    def one(job_id: str, claims: Annotated[Claims, asker]) -> Response:
        """Show one job: who asked for it, when and why, what is planned, and what was done."""
        with _translated():
            return _json(record(_visible(jobs, claims, job_id), whole=True))

    @routes.post("/{job_id}/cancel", responses=documented(404, 409))
    def cancel(job_id: str, claims: Annotated[Claims, asker]) -> Response:
        """End a job that waits, or let one that runs end before its next action; what was applied stays.

        `outcome` is `cancelled` or `stopping`. Again, it changes nothing; of a job that has ended otherwise: 409.
        """
        with _translated():
            view = _visible(jobs, claims, job_id)
            require(claims, view.integration, "apply", view.scopes)
            outcome = jobs.cancel(job_id, by=claims.subject)
            return _json({"outcome": outcome.value, "job": record(jobs.get(job_id), whole=False)})

    return routes


def _each_once(request: Request) -> None:
    """Answer 422 to a condition that is given twice: only one of them would count."""
    names = [name for name, _ in request.query_params.multi_items()]
    if len(names) > len(set(names)):
        raise HTTPException(422, "Each condition may be given once.")


def _sees(claims: Claims, view: JobView) -> bool:
    return may(claims, view.integration, "plan", view.scopes)


def _visible(jobs: JobControl, claims: Claims, job_id: str) -> JobView:
    """Return the job; 404 also for one that the token may not see: not even that it exists is shown."""
    view = jobs.get(job_id)
    if not _sees(claims, view):
        raise UnknownJobError(job_id)
    return view


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else point_in_time(text)
    except ValueError as error:
        raise HTTPException(422, f"since: {error}") from None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except UnknownJobError:
        raise HTTPException(404, NO_SUCH_JOB) from None
    except EndedJobError as error:
        raise HTTPException(409, f"The job cannot be cancelled: {error}.") from None
    except JobAdminError as error:
        raise HTTPException(503, f"{error}; try again.", {"retry-after": "5"}) from None


def _json(value: Any) -> Response:
    """Return JSON in ASCII: a name may have half a character in it."""
    return Response(json.dumps(value), media_type="application/json")
