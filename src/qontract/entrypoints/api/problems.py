"""Errors as problem details (RFC 9457)."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from qontract.application.ports.job_queue import JobQueueError

log = logging.getLogger(__name__)


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> JSONResponse:
    """Return the response for an error; `detail` says what to do about it."""
    title = HTTPStatus(status).phrase
    return JSONResponse(
        {"type": "about:blank", "title": title, "status": status, "detail": detail, **more},
        status,
        headers,
        media_type="application/problem+json",
    )


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - how Starlette types its handlers
    return problem(error.status_code, str(error.detail), dict(error.headers or {}))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    """Say what is wrong and where, and do not repeat what was sent."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    errors = [{"pointer": _pointer(found["loc"]), "msg": found["msg"]} for found in error.errors()]
    return problem(422, "The request is not what is expected; see `errors`.", errors=errors)


def _pointer(location: tuple[int | str, ...]) -> str:
    """Return where in the request it is, as a JSON pointer (RFC 6901); a name that was sent is made printable."""
    return "".join(f"/{str(part).encode('unicode_escape').decode()}" for part in location)


async def _queue(_: Request, error: Exception) -> JSONResponse:
    log.error("job queue", extra={"error": str(error)})
    return problem(503, "The job queue cannot be reached; try again.", {"retry-after": "5"})


async def _unexpected(_: Request, error: Exception) -> JSONResponse:
    log.error("unexpected", exc_info=error)
    return problem(500, "An unexpected error; it is in the log.")


def add_problems(app: FastAPI) -> None:
    """Make every error of the application a problem."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(JobQueueError, _queue)
    app.add_exception_handler(Exception, _unexpected)
