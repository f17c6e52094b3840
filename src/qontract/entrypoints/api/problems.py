"""Errors as problem details (RFC 9457)."""

import json
import logging
from functools import cache
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from qontract.application.ports.job_queue import JobQueueError

log = logging.getLogger(__name__)

_MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 20
_MAX_NAME_LENGTH = 100


class Problem(BaseModel):
    """What went wrong. `errors`: each is a `msg`, and the `pointer` (RFC 6901) into the body or the `parameter`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] | None = Field(default=None, description=f"The first {MAX_ERRORS}")


def problem(
    status: int, detail: str, headers: dict[str, str] | None = None, errors: list[dict[str, str]] | None = None
) -> Response:
    """Return the response for an error; `detail` says what to do about it."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors)
    # In ASCII: a name in the request may have a character that UTF-8 has not (a lone surrogate).
    return Response(json.dumps(body.model_dump(exclude_none=True)), status, headers, _MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return these answers for the OpenAPI document."""
    content = {_MEDIA_TYPE: {"schema": _schema()}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


@cache
def _schema() -> dict[str, Any]:
    return Problem.model_json_schema()


def add_problems(app: FastAPI) -> None:
    """Make every error of the application a problem."""

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        errors = [_place(found["loc"]) | {"msg": found["msg"]} for found in error.errors()[:MAX_ERRORS]]
        return problem(422, "The request is not what is expected; see `errors`.", errors=errors)

    @app.exception_handler(JobQueueError)
    async def no_queue(_: Request, error: JobQueueError) -> Response:
        log.error("job queue does not answer", extra={"error": str(error)})
        return problem(503, "The job queue cannot be reached; try again.", {"retry-after": "5"})


def _place(location: tuple[int | str, ...]) -> dict[str, str]:
    """Say where it is, without what was sent there."""
    where, *path = (str(part)[:_MAX_NAME_LENGTH] for part in location)
    if where != "body":
        return {"parameter": "/".join(path)}
    return {"pointer": "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)}
